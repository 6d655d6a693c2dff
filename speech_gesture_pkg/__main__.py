"""`python -m speech_gesture_pkg`: the command speech-gesture, for torchrun and for machines without the script."""

from speech_gesture_pkg.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
