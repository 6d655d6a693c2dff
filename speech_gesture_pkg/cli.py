"""The `speech-gesture` command. Each verb is a module of `commands`, imported only when it is used."""

from __future__ import annotations

import argparse
import logging
import sys
from importlib import import_module

from speech_gesture_pkg import __version__
from speech_gesture_pkg.errors import SpeechGestureError

VERBS = {
    "demo": "the whole loop: speech file -> audio topic -> gesture node -> simulated robot; bag, video, report",
    "run": "the gesture node without ros2 launch",
    "generate": "speech file to SMPL-X motion (npz in the BEAT2 layout, BVH)",
    "retarget": "SMPL-X motion to robot joints, offline",
    "robot": "robot check URDF: the automatic joint map, limits, warnings, a picture, the YAML override",
    "view": "motion, trajectory or bag in the browser; or to mp4 / png",
    "record": "topics to a rosbag2 MCAP",
    "replay": "a bag into live nodes, with /clock",
    "bench": "latency, throughput and memory, with the machine named",
    "parameters": "every parameter of the node, as YAML or as a table",
    "check": "check the promise about motion on a recorded bag",
}


def main(argv: list[str] | None = None) -> int:
    """Run a verb. Exit codes: 0 done, 1 failed, 2 usage, 3 input, 4 option or parameter, 5 robot, 6 output, 7 missing
    dependency, 130 interrupted."""
    arguments = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="speech-gesture", description=__doc__.split(". ")[0] + ".")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    asked = next((a for a in arguments if not a.startswith("-")), None)
    for verb, help_text in VERBS.items():
        sub = verbs.add_parser(verb, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
        if verb == asked:
            import_module(f"speech_gesture_pkg.commands.{verb}").add_arguments(sub)
            sub.add_argument("--json", action="store_true", help="print the result as JSON")
            sub.add_argument("-v", "--verbose", action="store_true", help="log what happens")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(levelname)s %(message)s")
    try:
        return int(import_module(f"speech_gesture_pkg.commands.{options.verb}").run(options) or 0)
    except SpeechGestureError as e:
        print(f"speech-gesture {options.verb}: {e}", file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        print(f"speech-gesture {options.verb}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
