"""The text that goes with a starter corpus and with weights trained on it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

_TEXT = """# Starter corpus

**What it is:** real gesture clips and real speech, with rule-made timing. Nobody made these gestures while saying these
words. A network trained on it learns real arm and finger kinematics and *our rule* of where a stroke falls; it does not
learn when people gesture or what gestures mean. State this wherever figures of such a network stand.

- **Arms, hands, fingers:** SmartBody gesture clips (motion capture and hand animation, made without speech), laid on
  accents, blended through idle, mirrored, time-warped by at most 30 %.
- **Jaw and mouth:** the recorded face in FACEGOOD's own takes; elsewhere a regression from speech to face, learned on
  FACEGOOD's training takes.
- **Head, torso, eyes, blinks, brows:** the rules of the prosody generator (nods on accents, blinks by chance).
- **Legs:** they stand.
- **Speech:** LibriSpeech (read English), FACEGOOD (Mandarin); a quiet pause is added before and after.

**The rule:** a stroke ends (the mark `emphasis` of the clip) 0.2 to 0.3 s after the onset of an accented syllable, so
that the hand is fastest about the onset. People's hands run a little earlier; a network that sees 0.3 s ahead could
not know of the accent in time. A new gesture comes on the first accent 0.8 to 1.8 s after the last one (about every 2 s
of fluent speech); accents between are beaten with the raised hand. Deictic and metaphoric gestures stand at phrase
starts, beats elsewhere; hands alternate, both for strong accents; amplitude follows the accent; hands rest in pauses
longer than a second. Each speaker has a rate, size and preferred hand of its own.

**Splits** are by speaker (80/10/10 by a hash), except FACEGOOD, one speaker: takes 2_05 and 3_16 are held out from the
regression and are "test". All splits share the gesture clips.

**Licences:** SmartBody clips LGPL-2.1 ((c) University of Southern California, Institute for Creative Technologies; via
worldforge/smartbody; converted to SMPL-X joint rotations; keep the notice and the licence text), LibriSpeech CC BY 4.0
(V. Panayotov, G. Chen, D. Povey, S. Khudanpur), FACEGOOD MIT. `index.json` names them for each recording.
"""


def card(index: dict[str, Any]) -> str:
    """README of a corpus, with its amounts."""
    clips = index["clips"]
    amounts: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for clip in clips:
        amounts[clip["split"]][0] += 1
        amounts[clip["split"]][1] += clip["seconds"] / 60.0
    lines = ["", "## Amounts", "", "| split | recordings | minutes |", "|---|---|---|"]
    lines += [f"| {split} | {int(n)} | {m:.1f} |" for split, (n, m) in sorted(amounts.items())]
    speakers = len({clip["speaker"] for clip in clips})
    true_face = sum(clip["seconds"] for clip in clips if clip.get("true_face")) / 60.0
    gestures = sum(clip.get("gestures", 0) for clip in clips)
    lines += [
        "",
        f"{index['minutes']:.1f} min of {speakers} speakers, {gestures} gestures, {true_face:.1f} min with a ",
    ]
    lines[-1] += f"recorded face; seed {index['settings']['seed']}."
    fits = index.get("face_agreement_held_out") or {}
    if fits:
        lines += ["", "Face regression on the held-out takes, correlation with the recorded face: "]
        lines[-1] += ", ".join(f"{name} {value:.2f}" for name, value in fits.items()) + "."
    return _TEXT + "\n".join(lines) + "\n"
