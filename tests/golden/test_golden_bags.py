"""The committed bags are read as they were written: both storages, both audio packages, a foreign one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bag_writing import EPOCH
from make_bags import BAGS, BEGIN, JOINTS, RATE, TRANSPORT, elbows, make, speech

from speech_gesture_pkg.verification.bag_content import read_content

FOLDER = Path(__file__).parent / "bags"
STAMPED = ("AudioDataStamped", "AudioStamped", "AudioBuffer")


def check(path: Path, kind: str) -> None:
    content = read_content(path)
    assert (content.damage, content.warnings, content.audio_topic) == ("", [], "/audio")
    assert content.audio is not None
    assert content.audio.start - EPOCH == pytest.approx(BEGIN + (0.0 if kind in STAMPED else TRANSPORT), abs=1e-4)
    assert content.audio.duration == pytest.approx(len(speech()) / RATE, abs=1e-3)
    # twice the rate: every second sample is one of the original, as far as the filter lets it through
    heard, said = content.audio.samples[::2], speech() / 32768
    count = min(len(heard), len(said))
    spectra = [np.abs(np.fft.rfft(x[:count])) for x in (heard, said)]
    band = slice(0, 3000)
    np.testing.assert_allclose(spectra[0][band], spectra[1][band], atol=0.02 * spectra[1].max())


@pytest.mark.parametrize("name", BAGS)
def test_a_committed_bag(name):
    check(FOLDER / name, BAGS[name][0])


def test_the_foreign_bag_has_joint_states():
    joints = read_content(FOLDER / "foreign_mcap").joints
    assert joints is not None
    assert joints.joint_names == JOINTS
    np.testing.assert_allclose(joints.position, [elbows(t) for t in joints.time - EPOCH], atol=1e-5)


def test_they_are_small_and_can_be_made_again(tmp_path):
    files = [f for f in FOLDER.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) <= 200_000
    make(tmp_path)
    for name, (kind, *_) in BAGS.items():
        check(tmp_path / name, kind)
