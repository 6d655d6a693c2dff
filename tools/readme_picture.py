"""docs/demo.webp, the moving picture of README: some seconds of the video that `make demo` writes.

make demo ARGS="--headless"
python tools/readme_picture.py demo_out/demo.mp4 [--begin 4] [--seconds 8]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from speech_gesture_pkg.viewer.video import ffmpeg_path

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "demo.webp"
MOST_BYTES = 2_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("--begin", type=float, default=4.0, help="s into the video (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length (default: %(default)s)")
    parser.add_argument("--width", type=int, default=720, help="pixels (default: %(default)s)")
    parser.add_argument("--fps", type=float, default=15.0, help="pictures per second (default: %(default)s)")
    options = parser.parse_args()
    cut = ["-ss", str(options.begin), "-t", str(options.seconds), "-i", str(options.video)]
    shape = ["-an", "-vf", f"fps={options.fps},scale={options.width}:-2:flags=lanczos"]
    coded = ["-c:v", "libwebp_anim", "-q:v", "55", "-compression_level", "4", "-loop", "0"]
    subprocess.run([ffmpeg_path(), "-y", "-loglevel", "error", *cut, *shape, *coded, str(PICTURE)], check=True)
    size = PICTURE.stat().st_size
    print(f"{PICTURE}: {size / 1e6:.2f} MB")
    if size > MOST_BYTES:
        print(f"larger than {MOST_BYTES / 1e6:g} MB: fewer --seconds, --fps or --width", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
