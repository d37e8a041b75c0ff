"""Draw 3D poses as a scene: people above a floor whose grid is labeled in mm."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.draw import DARK, SHIFT, Color, Skeleton, color_of, put_text, text_size, to_fixed_point
from posedeploy.types import Array, Poses

GROUND: Color = (250, 247, 244)
FLOOR: Color = (240, 234, 229)
GRID: Color = (214, 204, 196)
SHADOW: Color = (206, 196, 188)
INK: Color = (120, 104, 92)
STEP_MM = 500.0
"""Minimum distance of the floor's lines for bodies."""
SMALL_MM = 600.0
"""Maximum size of a part of a body, such as a hand."""
HEIGHT = 0.95
"""Height of the box above the floor, in sides of the floor; people fill at most 0.9 of it in a new view."""
UP = np.array([0.0, -1.0, 0.0])
"""The direction away from the floor: y points down in both camera and world coordinates."""


@dataclass(frozen=True)
class Viewpoint:
    """The viewpoint of a scene, in the coordinates of the poses.

    center_mm: (3,) the center of the floor. span_mm: the side of the floor. yaw_deg: rotation about the
    vertical axis. pitch_deg: angle of looking down. step_mm: the distance of the floor's lines, a divisor of
    its side. Keep one Viewpoint for a video while it ``holds`` the people, so that the floor does not move.
    """

    center_mm: tuple[float, float, float]
    span_mm: float
    yaw_deg: float = 30.0
    pitch_deg: float = 18.0
    step_mm: float = STEP_MM

    def holds(self, poses: Poses) -> bool:
        """Return whether every joint is in the box above the floor, which is entirely in the picture."""
        offsets = (_joints(poses)[..., :3].reshape(-1, 3) - np.array(self.center_mm)) / self.span_mm
        on_floor = np.abs(offsets[:, [0, 2]]) <= 0.5
        return bool(on_floor.all() and (offsets[:, 1] <= 0).all() and (offsets[:, 1] >= -HEIGHT).all())


def choose_viewpoint(poses: Poses) -> Viewpoint:
    """Return a view of all the people, rounded so that it seldom changes from frame to frame.

    Each person is at least 5% of the floor's side away from its edge, and so stays in the view for a while.
    """
    joints = _joints(poses)[..., :3].reshape(-1, 3).astype(np.float64)
    if not len(joints):
        return Viewpoint((0.0, 0.0, 0.0), 4 * STEP_MM)
    low, high = joints.min(axis=0), joints.max(axis=0)
    length = 1.15 * float((high - low).max())
    step = _step_mm(length)
    center = np.rint((low + high) / 2 / step) * step + 0.0
    reach = 1.05 * float(np.maximum(high - center, center - low)[[0, 2]].max())
    span = step * max(4, math.ceil(max(length, 2 * reach) / step))
    floor = float(np.ceil(high[1] / (step / 10)) * (step / 10))
    return Viewpoint((float(center[0]), floor, float(center[2])), span, step_mm=step)


def _step_mm(length_mm: float) -> float:
    """Return the distance of the lines of a floor of about this length: 1, 2 or 5 times a power of ten."""
    is_small = length_mm <= SMALL_MM
    minimum = max(length_mm / (8 if is_small else 11), 1.0 if is_small else STEP_MM)
    power = 10.0 ** math.floor(math.log10(minimum))
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= minimum)


def draw_poses_3d(
    poses: Poses, skeleton: Skeleton, size: tuple[int, int] = (640, 480), view: Viewpoint | None = None
) -> Array:
    """Return a (height, width, 3) uint8 BGR picture of the people in 3D; ``size`` is (width, height) in px.

    Without a view, it shows all the people. Limbs with an end that is not visible in the image are thin.

    Raises:
        InputError: the poses are 2D only.
    """
    joints = _joints(poses)
    scene = _Scene(size, view or choose_viewpoint(poses))
    scene.draw_floor()
    # Far people first, so that near ones cover them.
    for person in np.argsort(-scene.depths(joints[..., :3].mean(axis=1)), kind="stable").tolist():
        scene.draw_person(joints[person], skeleton, color_of(poses, person))
    return scene.image


def join_side_by_side(image: Array, scene: Array) -> Array:
    """Return two (H, W, 3) pictures side by side, the second one scaled to the height of the first."""
    height = image.shape[0]
    if scene.shape[0] != height:
        width = max(1, round(scene.shape[1] * height / scene.shape[0]))
        scene = cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA)
    return np.concatenate([image, scene], axis=1)


def _joints(poses: Poses) -> Array:
    if poses.keypoints_3d is None:
        raise InputError("the poses have no 3D positions; draw them over their image with draw_poses")
    return poses.keypoints_3d


@dataclass(frozen=True)
class _Label:
    """A text below a position in the scene, horizontally centered. size: width and height in px."""

    text: str
    at: Array
    size: tuple[int, int]


class _Scene:
    """A picture being drawn, from a perspective camera that looks at the center of a floor."""

    def __init__(self, size: tuple[int, int], view: Viewpoint) -> None:
        self.image = np.full((size[1], size[0], 3), GROUND, np.uint8)
        self._view = view
        yaw, pitch = math.radians(view.yaw_deg), math.radians(view.pitch_deg)
        turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
        tilt = np.array(
            [[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]]
        )
        self._rotation = tilt @ turn
        self._target = np.array(view.center_mm) + UP * view.span_mm * 0.27
        self._distance = 3.0 * view.span_mm
        self._unit = max(1.0, math.hypot(*size) / 500)
        self._thick = max(1, round(self._unit * 1.6))
        self._text_scale = 0.16 + 0.14 * self._unit
        self._labels = self._axis_labels()
        self._zoom, self._middle = self._fit(self._labels)
        zoom, middle = self._fit([])
        if self._zoom < zoom / 2:  # the picture is too small for labels
            self._labels, self._zoom, self._middle = [], zoom, middle

    def depths(self, points: Array) -> Array:
        """Return (…,) distances in mm from the camera along its axis."""
        return self._to_camera(points)[..., 2]

    def project(self, points: Array) -> Array:
        """Project (…, 3) mm to (…, 2) px."""
        pixels: Array = self._middle + self._zoom * self._slopes(points)
        return pixels

    def draw_floor(self) -> None:
        ends = np.array([-0.5, 0.5]) * self._view.span_mm
        floor = to_fixed_point(self.project(self._corners()))
        cv2.fillConvexPoly(self.image, floor, FLOOR, cv2.LINE_AA, SHIFT)
        along_x = np.stack([np.stack([np.full(2, x), ends], axis=1) for x in self._lines()])
        lines = self.project(self._floor_points(np.concatenate([along_x, along_x[..., ::-1]])))
        cv2.polylines(self.image, list(to_fixed_point(lines)), False, GRID, 1, cv2.LINE_AA, SHIFT)
        for label in self._labels:
            (width, height), (x, y) = label.size, self.project(label.at)
            put_text(self.image, label.text, (int(x - width / 2), int(y + height)), self._text_scale, INK)

    def draw_person(self, joints: Array, skeleton: Skeleton, color: Color) -> None:
        thick, points = self._thick, self.project(joints[:, :3])
        on_floor = joints[:, :3].copy()
        on_floor[:, 1] = self._view.center_mm[1]
        shadow = to_fixed_point(self.project(on_floor))
        pairs = [(a, b) for a, b in skeleton if max(a, b) < len(joints)]
        cv2.polylines(
            self.image, [shadow[[a, b]] for a, b in pairs], False, SHADOW, thick, cv2.LINE_AA, SHIFT
        )
        seen, depths = joints[:, 3] >= 0, self.depths(joints[:, :3]).tolist()
        for a, b in sorted(pairs, key=lambda pair: -max(depths[pair[0]], depths[pair[1]])):
            width = thick if seen[a] and seen[b] else max(1, thick // 2)
            line = [to_fixed_point(points[[a, b]])]
            cv2.polylines(self.image, line, False, DARK, width + max(2, width), cv2.LINE_AA, SHIFT)
            cv2.polylines(self.image, line, False, color, width, cv2.LINE_AA, SHIFT)

    def _to_camera(self, points: Array) -> Array:
        """Return (…, 3) mm in camera coordinates: right, down and forward."""
        in_camera: Array = (points - self._target) @ self._rotation.T
        in_camera[..., 2] += self._distance
        return in_camera

    def _slopes(self, points: Array) -> Array:
        """Return (…, 2) x / z and y / z in camera coordinates, of (…, 3) mm."""
        in_camera = self._to_camera(points)
        slopes: Array = in_camera[..., :2] / np.maximum(in_camera[..., 2:], 0.05 * self._view.span_mm)
        return slopes

    def _fit(self, labels: list[_Label]) -> tuple[float, Array]:
        """Return the zoom and the center in px with which labels and box fill the picture."""
        corners = self._corners()
        points = [*corners, *(corners + UP * HEIGHT * self._view.span_mm), *(label.at for label in labels)]
        slopes = self._slopes(np.array(points))
        size = np.array([self.image.shape[1], self.image.shape[0]])
        limb = np.minimum(3.0 * self._thick, size / 8)
        before, after = np.tile(limb, (2, len(points), 1))  # px to keep free around each point
        for row, label in enumerate(labels, start=2 * len(corners)):
            (width, height), thick = label.size, self._thick
            before[row], after[row] = (width / 2 + thick, thick), (width / 2 + thick, height + 2 * thick)
        distances = slopes[:, None] - slopes[None]
        room = size - after[:, None] - before[None]
        zoom = float(np.min(room[distances > 0] / distances[distances > 0]))
        low, high = (before - zoom * slopes).max(axis=0), (size - after - zoom * slopes).min(axis=0)
        return zoom, (low + high) / 2

    def _corners(self) -> Array:
        """Return the (4, 3) corners of the floor in mm."""
        return self._floor_points(np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * self._view.span_mm / 2)

    def _lines(self) -> Array:
        """Return the positions of the floor's lines, in mm from its center."""
        view = self._view
        return np.arange(-view.span_mm / 2, view.span_mm / 2 * (1 + 1e-9), view.step_mm)

    def _floor_points(self, points: Array) -> Array:
        """Return (…, 3) mm of (…, 2) x and z on the floor, relative to its center."""
        x, y, z = self._view.center_mm
        return np.stack([points[..., 0] + x, np.full(points.shape[:-1], y), points[..., 1] + z], axis=-1)

    def _axis_labels(self) -> list[_Label]:
        """Return the numbers and units along the two edges of the floor nearest to the camera."""
        corners, half = self._corners(), self._view.span_mm / 2
        nearest = corners[self.depths(corners).argmin()]
        near_x, near_z = np.sign(nearest - np.array(self._view.center_mm))[[0, 2]]
        at = self._lines()
        at = at[:: max(1, math.ceil(len(at) / 5))]
        out = half * 1.07
        x_axis = np.stack([at, np.full(len(at), near_z * out)], axis=1)
        z_axis = np.stack([np.full(len(at), near_x * out), at], axis=1)
        z_axis = z_axis[at * near_z < half]  # the nearest corner is labeled once, by x
        labels: list[_Label] = []
        for name, axis, kind, origin in (("x", x_axis, 0, 0), ("z", z_axis, 1, 2)):
            texts = [f"{value + self._view.center_mm[origin]:.10g}" for value in axis[:, kind]]
            middle = axis.mean(axis=0) * np.where(np.arange(2) == kind, 1, 1.18)
            positions = self._floor_points(np.array([*axis, middle]))
            labels += map(self._label, [*texts, f"{name} mm"], positions)
        return labels

    def _label(self, text: str, at: Array) -> _Label:
        width, height, below = text_size(text, self._text_scale)
        return _Label(text, at, (width, height + below))
