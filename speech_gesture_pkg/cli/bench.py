"""speech-gesture bench: how fast, how late, how big; with the machine named."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.bench_executed import RATES, executed_figures, executed_table
from speech_gesture_pkg.cli.common import (
    add_motion,
    add_robot,
    changed_values,
    config_of,
    head_line,
    machine,
    need_ros,
    peak_mb,
    report,
    urdf_of,
)
from speech_gesture_pkg.cli.processes import NodeProcess, isolated_environment, stop_all
from speech_gesture_pkg.pipeline.build import layout_of, load_robot
from speech_gesture_pkg.pipeline.offline import run_offline
from speech_gesture_pkg.resources import DEMO_AUDIO, resource


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--audio", help="speech file (default: the bundled clip)")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions; medians are printed (default: %(default)s)")
    parser.add_argument(
        "--executed", nargs="+", metavar="WAV", help="only what controllers execute in each cycle, over these files"
    )
    parser.add_argument("--no-ros", action="store_true", help="only what needs no ROS")
    add_robot(parser)
    add_motion(parser)


def run(options: argparse.Namespace) -> int:
    """Measure and print the table."""
    if options.executed:
        rows = executed_figures(options)
        report(options, {"executed": rows}, f"{', '.join(map(str, RATES))} Hz\n{executed_table(rows)}")
        return 0
    audio = read_audio(options.audio or resource(DEMO_AUDIO))
    urdf = urdf_of(options)
    config = config_of(options, **{"robot.urdf": str(urdf)})
    result: dict[str, Any] = {"machine": machine()}
    result["import"] = import_seconds(options.repeat)
    result["pipeline"] = pipeline_figures(config, audio, options.repeat)
    if not options.no_ros:
        need_ros()
        result["live"] = live_figures(options, urdf, audio)
    report(options, result, text(result))
    return 0


def import_seconds(repeat: int) -> dict[str, float]:
    """Wall time of `python -c "import ..."` less that of an empty program, median."""

    def timed(code: str) -> float:
        spent = []
        for _ in range(max(repeat, 3)):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            spent.append(time.perf_counter() - began)
        return float(np.median(spent))

    empty = timed("pass")
    return {
        "package_s": timed("import speech_gesture_pkg") - empty,
        "pipeline_s": timed("import speech_gesture_pkg.pipeline.build") - empty,
    }


def pipeline_figures(config: Any, audio: Any, repeat: int) -> dict[str, float]:
    """The whole chain on a simulated clock."""
    robot = load_robot(config)
    runs = [run_offline(config, robot, audio) for _ in range(repeat)]
    steps = np.concatenate([r.step_times for r in runs])
    return {
        "real_time_factor": float(np.median([r.real_time_factor for r in runs])),
        "step_p50_ms": 1e3 * float(np.median(steps)),
        "step_p99_ms": 1e3 * float(np.percentile(steps, 99)),
        "lookahead_ms": 1e3 * robot.generator.lookahead_s,
        "seconds": audio.duration,
    }


def live_figures(options: argparse.Namespace, urdf: Path, audio: Any) -> dict[str, float]:
    """Through real topics and processes."""
    config = config_of(options, **{"robot.urdf": str(urdf), "controllers.names": ()})
    robot = load_robot(config)
    layout = layout_of(robot, {}, config)
    controllers = {n: [layout.joint_names[i] for i in c] for n, c in layout.controllers.items()}
    with tempfile.TemporaryDirectory(prefix="speech_gesture_bench_") as folder:
        ros = isolated_environment(Path(folder))
        os.environ.update({k: ros[k] for k in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOG_DIR")})
        sim: dict[str, Any] = {"urdf": str(urdf), "controllers": list(controllers)}
        sim |= {f"{n}.joints": j for n, j in controllers.items()}
        processes = [NodeProcess("sim_robot_node", sim, ros)]
        try:
            time.sleep(2.0)  # the robot is there long before the node, as in use
            began = time.perf_counter()
            parameters = {"autostart": True, **changed_values(config)}
            gesture = NodeProcess("gesture_node", parameters, ros)
            processes.append(gesture)
            gesture.wait_for("commanding", 30.0, processes)
            active = time.perf_counter() - began
            found = _probe(audio, f"/{next(iter(controllers))}/joint_trajectory", robot.generator.lookahead_s)
            return {"start_to_active_s": active, "rss_mb": peak_mb(gesture.pid), **found}
        finally:
            stop_all(processes)


def _probe(audio: Any, topic: str, lookahead: float) -> dict[str, float]:
    import rclpy

    from speech_gesture_pkg.ros.latency_probe import motion_offset, probe

    rclpy.init(args=[])
    try:
        result = probe(audio, topic, "speech_gesture", motion_offset(5.0), lookahead)
    finally:
        rclpy.shutdown()
    return {
        "latency_p50_ms": 1e3 * float(np.percentile(result.latencies, 50)),
        "latency_p99_ms": 1e3 * float(np.percentile(result.latencies, 99)),
        "frames": len(result.latencies),
        "windows_per_s": result.windows / audio.duration,
        "lead_p1_ms": 1e3 * float(np.percentile(result.leads, 1)),
    }


def text(result: dict[str, Any]) -> str:
    """The table."""
    p = result["pipeline"]
    rows = [
        ("import speech_gesture_pkg", f"{result['import']['package_s']:.3f} s"),
        ("pipeline, real-time factor", f"{p['real_time_factor']:.1f}"),
        ("pipeline step, p50 / p99", f"{p['step_p50_ms']:.2f} / {p['step_p99_ms']:.2f} ms"),
        ("declared look-ahead", f"{p['lookahead_ms']:.0f} ms"),
    ]
    if "live" in result:
        live = result["live"]
        rows += [
            ("process start to active", f"{live['start_to_active_s']:.2f} s"),
            (
                "audio in to trajectory out beyond the look-ahead, p50 / p99",
                f"{live['latency_p50_ms']:.1f} / {live['latency_p99_ms']:.1f} ms ({live['frames']} frames)",
            ),
            ("windows per second", f"{live['windows_per_s']:.1f}"),
            ("peak resident memory of the node", f"{live['rss_mb']:.0f} MB"),
        ]
    width = max(len(name) for name, _ in rows)
    return "\n".join([head_line(result), *(f"  {name.ljust(width)}  {value}" for name, value in rows)])
