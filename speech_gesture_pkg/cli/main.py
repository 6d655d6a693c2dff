"""The `speech-gesture` command. Each verb is a module of `commands`, imported only when it is used."""

from __future__ import annotations

import argparse
import io
import logging
import os
import signal
import sys
import threading
from importlib import import_module

from speech_gesture_pkg import __version__
from speech_gesture_pkg.errors import MissingDependencyError, OutputError, SpeechGestureError
from speech_gesture_pkg.outside_text import LONGEST_SENTENCE, one_line

VERBS = {
    "demo": "the whole loop: speech file -> audio topic -> gesture node -> simulated robot; bag, video, report",
    "run": "the gesture node without ros2 launch",
    "generate": "speech file to SMPL-X motion (npz in the BEAT2 layout, BVH)",
    "retarget": "SMPL-X motion to robot joints, offline",
    "robot": "robot check URDF: the automatic joint map, limits, warnings, a picture, the YAML override",
    "view": "motion, trajectory or bag in the browser; or to mp4 / png",
    "corpus": "corpora for training: make the starter corpus, statistics, convert raw SmartBody clips",
    "train": "what has weights, from a corpus: SpeechCAT; the autoencoders of the Frechet distances (FGD, FED, FMD)",
    "record": "topics to a rosbag2 MCAP",
    "replay": "a bag into live nodes, with /clock",
    "evaluate": "every metric on bags, speech or motion files: JSON, CSV, an HTML report; --compare two of them",
    "ablation": "SpeechCAT and its baselines on held-out recordings: the thesis's tables, and whether they listen",
    "listening": "does a generator listen? its motion with matched against shuffled speech, by permutation tests",
    "bench": "latency, throughput and memory, with the machine named",
    "parameters": "every parameter of the node, as YAML or as a table",
    "check": "check the motion guarantees on a recorded bag",
}


_EXTRAS = "pip install 'speech_gesture_pkg[demo]' brings all that the verbs need"


def main(argv: list[str] | None = None) -> int:
    """Run a verb. Exit codes: 0 done, 1 failed, 2 usage, 3 input, 4 option or parameter, 5 robot, 6 output, 7 missing
    dependency, 130 interrupted."""
    # Our matrices are tiny: a second BLAS thread only costs (10 % of the pipeline); nodes started from here inherit it.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    for stream in (sys.stdout, sys.stderr):  # names of files may hold what the terminal's encoding does not
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:] if argv is None else argv
    _interrupt_on(signal.SIGTERM)
    parser = argparse.ArgumentParser(prog="speech-gesture", description=__doc__.split(". ")[0] + ".")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    asked = next((a for a in arguments if not a.startswith("-")), None)
    for verb, help_text in VERBS.items():
        sub = verbs.add_parser(verb, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
        if verb == asked:
            sub = import_module(f"speech_gesture_pkg.cli.{verb}").add_arguments(sub) or sub
            sub.add_argument("--json", action="store_true", help="print the result as JSON")
            sub.add_argument("-v", "--verbose", action="store_true", help="log what happens")
    options = parser.parse_args(arguments)
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, handlers=[handler])
    try:
        return int(import_module(f"speech_gesture_pkg.cli.{options.verb}").run(options) or 0)
    except SpeechGestureError as e:
        if e.__cause__ is not None:
            logging.getLogger(__name__).info("what was raised:", exc_info=e.__cause__)
        print(f"speech-gesture {options.verb}: {e}", file=sys.stderr)
        return e.exit_code
    except ModuleNotFoundError as e:
        if (e.name or "").partition(".")[0] == "speech_gesture_pkg":
            raise
        print(f"speech-gesture {options.verb}: this needs the Python package {e.name}; {_EXTRAS}", file=sys.stderr)
        return MissingDependencyError.exit_code
    except BrokenPipeError:  # the reader of our output (say, `| head`) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as e:
        where = f"{e.filename}: " if e.filename else ""
        print(f"speech-gesture {options.verb}: {where}{e.strerror or e}", file=sys.stderr)
        return OutputError.exit_code
    except KeyboardInterrupt:
        print(f"speech-gesture {options.verb}: interrupted", file=sys.stderr)
        return 130


class _OneLine(logging.Formatter):
    """A line of the log for each message, whatever the names in it are."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = one_line(record.message, LONGEST_SENTENCE)
        return super().formatMessage(record)


def _interrupt_on(number: int) -> None:
    """Let a signal end a verb as Ctrl-C does, so that nodes and files are closed."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(number, signal.default_int_handler)


if __name__ == "__main__":
    sys.exit(main())
