"""The browser page: robot and human in 3D, a strip image and a status text. Served offline by viser."""

from __future__ import annotations

import contextlib
import io
import socket
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, OutputError
from speech_gesture_pkg.motion.skeleton import NUM_JOINTS
from speech_gesture_pkg.viewer.human import LINK_NAMES, HumanFigure
from speech_gesture_pkg.viewer.robot import RobotFigure
from speech_gesture_pkg.viewer.shapes import LinkMesh
from speech_gesture_pkg.viewer.visitors import Visitors, checked

_APART = 0.62
"""Half the distance between robot and human when both stand on the page, metres."""

_MOVED = 2e-4
"""Link poses that changed less than this (m or unit) are not sent again."""


class _Figure3D:
    """One figure's meshes on the page, one viser node per link and colour."""

    def __init__(
        self,
        server: Any,
        name: str,
        mesh: LinkMesh,
        links: Sequence[str],
        neutral: np.ndarray,
        shift: Sequence[float],
    ) -> None:
        """`neutral`: link poses [L, 4, 4] in which a skin that spans several links fits together."""
        self._shift = np.asarray(shift, float)
        self._root = server.scene.add_frame(f"/{name}", show_axes=False, position=self._shift)
        self._server = server
        self._nodes: list[list[Any]] = [[] for _ in links]
        self._last = np.full((len(links), 4, 4), np.inf)
        face_links = mesh.link[mesh.faces]
        world, _ = mesh.posed(neutral)
        pairs = {(int(k), int(m)) for c in range(3) for k, m in zip(face_links[:, c], mesh.material, strict=True)}
        for link, material in sorted(pairs):
            # A face at a skin's seam is drawn on each of its links, so that bending opens no gap.
            mine = (face_links == link).any(1) & (mesh.material == material)
            used, faces = np.unique(mesh.faces[mine], return_inverse=True)
            back = np.linalg.inv(neutral[link])
            node = server.scene.add_mesh_simple(
                f"/{name}/{links[link]}_{material}",
                (world[used] @ back[:3, :3].T + back[:3, 3]).astype(np.float32),
                faces.reshape(-1, 3).astype(np.uint32),
                color=tuple(round(255 * c) for c in mesh.colours[material]),
                side="double" if mesh.two_sided[mine].any() else "front",
            )
            self._nodes[link].append(node)

    def move(self, transforms: np.ndarray) -> None:
        """Sends the link poses `[L, 4, 4]` that changed."""
        changed = np.flatnonzero(np.abs(transforms - self._last).reshape(len(transforms), -1).max(1) > _MOVED)
        used = [i for i in changed if self._nodes[i]]
        if not used:
            return
        self._last[used] = transforms[used]
        linear = transforms[used, :3, :3]
        scale = np.linalg.norm(linear, axis=1)
        quaternions = np.roll(Rotation.from_matrix(linear / scale[:, None]).as_quat(), 1, axis=1)
        with self._server.atomic():
            for k, i in enumerate(used):
                stretched = np.abs(scale[k] - 1).max() > 1e-3
                for node in self._nodes[i]:
                    node.wxyz, node.position = quaternions[k], transforms[i, :3, 3]
                    if stretched:
                        node.scale = tuple(float(s) for s in scale[k])

    def remove(self) -> None:
        self._root.remove()


class BrowserPage:
    """A viser server with our scene; live views and the file player drive it.

    Use as a context manager or call `close`. Methods may be called from any one thread.

    Attributes:
        url: address of the page.
        server: the viser server, for further GUI elements.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 8080, title: str = "speech gesture") -> None:
        """Starts serving. If `port` is taken the next free one is used (see `url`).

        Raises:
            MissingDependencyError: viser is not installed.
            ConfigError: port outside 1..65535, or `host` is not an address of this machine.
        """
        if not (1 <= port <= 65535):
            raise ConfigError(f"viewer port is {port}; it must be within 1..65535")
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.bind((host, 0))
        except OSError as e:
            raise ConfigError(f"viewer host {host!r} is not an address of this machine: {e.strerror or e}") from e
        try:
            import viser
        except ImportError as e:
            raise MissingDependencyError(
                "the browser view needs viser: pip install 'speech_gesture_pkg[viewer]'"
            ) from e
        try:
            # viser prints a banner, verbose or not
            with contextlib.redirect_stdout(io.StringIO()), checked(Visitors(host)):
                self.server: Any = viser.ViserServer(host=host, port=port, label=title, verbose=False)
        except OSError as e:
            raise OutputError(f"the viewer cannot listen on {host}:{port}: {e.strerror or e}") from e
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{self.server.get_port()}"
        self._closed = False
        self._robot: tuple[RobotFigure, _Figure3D] | None = None
        self._human_figure: HumanFigure | None = None
        self._human: _Figure3D | None = None
        self._build(title)

    def _build(self, title: str) -> None:
        server = self.server
        server.scene.set_up_direction("+z")
        server.gui.configure_theme(
            control_layout="floating", control_width="medium", show_logo=False, show_share_button=False
        )
        server.gui.set_panel_label(title)
        server.scene.add_grid(
            "/floor", 12.0, 12.0, cell_size=0.5, cell_color=(214, 220, 228), section_color=(190, 198, 210),
            plane_color=(236, 240, 245), plane_opacity=1.0, position=(0.0, 0.0, -0.002),
        )  # fmt: skip
        top, bottom = np.array([240, 243, 247.0]), np.array([206, 214, 224.0])
        blend = np.linspace(0, 1, 128)[:, None, None]
        server.scene.set_background_image(
            np.broadcast_to((1 - blend) * top + blend * bottom, (128, 4, 3)).astype(np.uint8), format="png"
        )
        server.initial_camera.position = (3.5, 0.22, 1.62)
        server.initial_camera.look_at = (0.0, 0.22, 0.98)
        server.initial_camera.fov = float(np.radians(38))
        self._status = server.gui.add_markdown("", order=0)
        self._strip: Any = None

    def set_robot(self, figure: RobotFigure) -> None:
        """Shows a robot (replacing the one before), standing on the floor at the left."""
        if self._robot is not None:
            self._robot[1].remove()
        neutral = figure.transforms({})
        place = (0.0, -_APART, -float(figure.low[2]))
        drawn = _Figure3D(self.server, "robot", figure.mesh, figure.link_names, neutral, place)
        self._robot = (figure, drawn)
        drawn.move(neutral)

    @property
    def robot(self) -> RobotFigure | None:
        """The robot on the page."""
        return self._robot[0] if self._robot else None

    def show_robot(self, q: np.ndarray) -> None:
        """Joint positions `[J]` (rad, m) in the order of `robot.joint_names`; without a robot nothing happens."""
        if self._robot is not None:
            self._robot[1].move(self._robot[0].transforms_of(q))

    def show_human(self, local: np.ndarray, face: np.ndarray | None = None, root: np.ndarray | None = None) -> None:
        """Local rotations `[55, 3, 3]`, ARKit weights `[52]`, root translation `[3]`; appears on first use."""
        if self._human is None or self._human_figure is None:
            self._human_figure = HumanFigure()
            figure, place = self._human_figure, (0.0, _APART, 0.0)
            neutral = figure.transforms(np.tile(np.eye(3), (NUM_JOINTS, 1, 1)))
            self._human = _Figure3D(self.server, "human", figure.mesh, LINK_NAMES, neutral, place)
        self._human.move(self._human_figure.transforms(local, face, root))

    def show_strip(self, picture: np.ndarray) -> None:
        """Image `[h, w, 3]` (uint8) in the side panel: the audio and its phases."""
        if self._strip is None:
            self._strip = self.server.gui.add_image(picture, format="jpeg", jpeg_quality=85, order=1)
        else:
            self._strip.image = picture

    def show_status(self, markdown: str) -> None:
        """Text at the top of the side panel; what others wrote must have gone through `outside_text.as_markdown`."""
        if self._status.content != markdown:
            self._status.content = markdown

    def close(self) -> None:
        """Stops serving; safe to call twice."""
        if not self._closed:
            self._closed = True
            with contextlib.redirect_stdout(io.StringIO()):
                self.server.stop()

    def __enter__(self) -> BrowserPage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
