"""The SROS2 policy: what the nodes have in the graph is allowed, and nothing more is."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from speech_gesture_pkg.resources import DEMO_AUDIO, resource

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from speech_gesture_pkg.ros.sim_robot_node import DEMO_CONTROLLERS

POLICY = Path(__file__).resolve().parents[2] / "config" / "sros2" / "policy.xml"
NEVER = {"/clock"}  # subscribed with use_sim_time only
AGAIN = {f"/{name}/get_parameters" for name in DEMO_CONTROLLERS}
STATES = {f"/{c}/{topic}" for c in DEMO_CONTROLLERS for topic in ("controller_state", "state")}
SELDOM = {
    # sync.mode delay; audio_common_msgs or control_msgs installed; a controller that has restarted
    "speech_gesture": {"/speech_gesture/audio_out", "/audio_info", *AGAIN, *STATES},
    "wav_player": {"/audio_info"},
}
KINDS = {
    ("topics", "publish"): "publisher",
    ("topics", "subscribe"): "subscriber",
    ("services", "reply"): "service",
    ("services", "request"): "client",
}


def allowed() -> dict[str, dict[str, set[str]]]:
    """Node -> kind -> full names."""
    found: dict[str, dict[str, set[str]]] = {}
    for profile in ET.parse(POLICY).getroot().iter("profile"):
        node, kinds = profile.get("node", ""), {kind: set() for kind in KINDS.values()}
        assert profile.get("ns") == "/"
        assert node not in found, node
        for block in profile:
            for mode, word in block.attrib.items():
                assert word == "ALLOW"
                names = [str(e.text) for e in block]
                assert len(set(names)) == len(names), f"{node}: twice"
                kinds[KINDS[block.tag, mode]] |= {f"/{n.replace('~', node)}" for n in names}
        found[node] = kinds
    return found


def test_the_policy_is_well_formed():
    root = ET.parse(POLICY).getroot()
    assert (root.tag, root.get("version")) == ("policy", "0.2.0")
    enclaves = [e.get("path", "") for e in root.iter("enclave")]
    assert len(set(enclaves)) == len(enclaves) > 4
    assert all(path.startswith("/speech_gesture/") for path in enclaves)
    names = {n for node in allowed().values() for kind in node.values() for n in kind}
    assert not any("*" in n for n in names)


def test_nodes_have_what_the_policy_allows_and_the_policy_allows_no_more(probe, start, demo_urdf):
    start("sim_robot_node", urdf=str(demo_urdf))
    start("wav_player_node", file=str(resource(DEMO_AUDIO)), loop="true")
    start("gesture_node", robot__urdf=str(demo_urdf), autostart="true", controllers__discovery_timeout=30.0)
    policy, node = allowed(), probe.node

    def names(owner: str, kind: str) -> set[str]:
        ask = getattr(node, f"get_{kind}_names_and_types_by_node")
        return {name for name, _ in ask(owner, "/")}

    def running() -> bool:
        there = {name for name, _ in node.get_node_names_and_namespaces()}
        if not {"speech_gesture", "sim_robot", "wav_player"} <= there or "speech_gesture_probe" in there:
            return False
        heard = names("speech_gesture", "subscriber")
        return "/audio" in heard and "/speech_gesture/smplx" in names("speech_gesture", "publisher")

    probe.wait(running, 60.0)
    checked = ("speech_gesture", "sim_robot", "wav_player", "left_arm_controller", "hands_controller")
    for owner in checked:
        for kind in KINDS.values():
            granted, seldom = policy[owner][kind], NEVER | SELDOM.get(owner, set())
            probe.wait(lambda o=owner, k=kind, wanted=granted - seldom: wanted <= names(o, k))
            found = names(owner, kind)
            assert found <= granted, f"{owner} {kind}: {sorted(found - granted)} is not in the policy"
