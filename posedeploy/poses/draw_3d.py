"""3D poses drawn as a scene: people standing over a floor whose grid is labeled in mm."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.draw import DARK, SHIFT, Color, Skeleton, color_of, fixed, put_text, text_size
from posedeploy.types import Array, Poses

GROUND: Color = (250, 247, 244)
FLOOR: Color = (240, 234, 229)
GRID: Color = (214, 204, 196)
SHADOW: Color = (206, 196, 188)
INK: Color = (120, 104, 92)
STEP_MM = 500.0
"""Between the lines of a floor for people."""
SMALL_MM = 600.0
"""What is not longer is no body but a part of one, such as a hand."""
HEIGHT = 0.95
"""How high the box over the floor is, in sides of the floor; the people of a fresh view fill 0.9 at most."""
UP = np.array([0.0, -1.0, 0.0])
"""Away from the floor, in camera and in world coordinates alike: y points down in both."""


@dataclass(frozen=True)
class View:
    """Where the scene is seen from, in the coordinates of the poses.

    center_mm: (3,) the middle of the floor. span_mm: the side of the floor. yaw_deg turns about the vertical;
    pitch_deg looks down from above. step_mm: between the floor's lines, a whole number of which make its
    side. Keep one View for a video while it ``holds`` the people, so that the floor stands still.
    """

    center_mm: tuple[float, float, float]
    span_mm: float
    yaw_deg: float = 30.0
    pitch_deg: float = 18.0
    step_mm: float = STEP_MM

    def holds(self, poses: Poses) -> bool:
        """Whether every joint is in the box over the floor, all of which is in the picture."""
        away = (_joints(poses)[..., :3].reshape(-1, 3) - np.array(self.center_mm)) / self.span_mm
        on_floor = np.abs(away[:, [0, 2]]) <= 0.5
        return bool(on_floor.all() and (away[:, 1] <= 0).all() and (away[:, 1] >= -HEIGHT).all())


def view_of(poses: Poses) -> View:
    """A view that holds all the people, rounded so that it changes seldom from frame to frame.

    Everybody is a twentieth of the way from the floor's edge or more: who leaves one view is not about to
    leave the next.
    """
    joints = _joints(poses)[..., :3].reshape(-1, 3).astype(np.float64)
    if not len(joints):
        return View((0.0, 0.0, 0.0), 4 * STEP_MM)
    low, high = joints.min(axis=0), joints.max(axis=0)
    length = 1.15 * float((high - low).max())
    step = _step_mm(length)
    center = np.rint((low + high) / 2 / step) * step + 0.0
    reach = 1.05 * float(np.maximum(high - center, center - low)[[0, 2]].max())
    span = step * max(4, math.ceil(max(length, 2 * reach) / step))
    floor = float(np.ceil(high[1] / (step / 10)) * (step / 10))
    return View((float(center[0]), floor, float(center[2])), span, step_mm=step)


def _step_mm(length_mm: float) -> float:
    """The step of a floor of about this length: 1, 2 or 5 times a power of ten, and one for all bodies."""
    small = length_mm <= SMALL_MM
    wanted = max(length_mm / (8 if small else 11), 1.0 if small else STEP_MM)
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if step >= wanted)


def draw_poses_3d(
    poses: Poses, skeleton: Skeleton, size: tuple[int, int] = (640, 480), view: View | None = None
) -> Array:
    """A (height, width, 3) uint8 BGR picture of the people in 3D; ``size`` is (width, height) in px.

    Without a view it shows all the people. Limbs with an end that was not seen in the image are thin.

    Raises:
        InputError: the poses are 2D only.
    """
    joints = _joints(poses)
    scene = _Scene(size, view or view_of(poses))
    scene.draw_floor()
    # Far people first, so that near ones cover them.
    for person in np.argsort(-scene.depths(joints[..., :3].mean(axis=1)), kind="stable").tolist():
        scene.draw_person(joints[person], skeleton, color_of(poses, person))
    return scene.image


def beside(image: Array, scene: Array) -> Array:
    """Two (H, W, 3) pictures in one, the second brought to the height of the first."""
    height = image.shape[0]
    if scene.shape[0] != height:
        width = max(1, round(scene.shape[1] * height / scene.shape[0]))
        scene = cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA)
    return np.concatenate([image, scene], axis=1)


def _joints(poses: Poses) -> Array:
    if poses.keypoints_3d is None:
        raise InputError("these poses have no 3D positions; draw them with draw_poses, over their image")
    return poses.keypoints_3d


@dataclass(frozen=True)
class _Label:
    """A text whose upper edge has its middle at a place in the scene. size: width and height in px."""

    text: str
    at: Array
    size: tuple[int, int]


class _Scene:
    """A picture in the making: a perspective camera that looks at the middle of a floor."""

    def __init__(self, size: tuple[int, int], view: View) -> None:
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
        self._zoom, self._middle = self._fitted(self._labels)
        zoom, middle = self._fitted([])
        if self._zoom < zoom / 2:  # the picture is too small for labels
            self._labels, self._zoom, self._middle = [], zoom, middle

    def depths(self, points: Array) -> Array:
        """(…,) distance in mm from the eye along its line of sight."""
        return self._seen(points)[..., 2]

    def project(self, points: Array) -> Array:
        """(…, 2) px of (…, 3) mm."""
        pixels: Array = self._middle + self._zoom * self._slopes(points)
        return pixels

    def draw_floor(self) -> None:
        ends = np.array([-0.5, 0.5]) * self._view.span_mm
        cv2.fillConvexPoly(self.image, fixed(self.project(self._corners())), FLOOR, cv2.LINE_AA, SHIFT)
        along_x = np.stack([np.stack([np.full(2, x), ends], axis=1) for x in self._lines()])
        lines = self._floor_points(np.concatenate([along_x, along_x[..., ::-1]]))
        cv2.polylines(self.image, list(fixed(self.project(lines))), False, GRID, 1, cv2.LINE_AA, SHIFT)
        for label in self._labels:
            (width, height), (x, y) = label.size, self.project(label.at)
            put_text(self.image, label.text, (int(x - width / 2), int(y + height)), self._text_scale, INK)

    def draw_person(self, joints: Array, skeleton: Skeleton, color: Color) -> None:
        thick, points = self._thick, self.project(joints[:, :3])
        on_floor = joints[:, :3].copy()
        on_floor[:, 1] = self._view.center_mm[1]
        shadow = fixed(self.project(on_floor))
        pairs = [(a, b) for a, b in skeleton if max(a, b) < len(joints)]
        cv2.polylines(
            self.image, [shadow[[a, b]] for a, b in pairs], False, SHADOW, thick, cv2.LINE_AA, SHIFT
        )
        seen, depths = joints[:, 3] >= 0, self.depths(joints[:, :3]).tolist()
        for a, b in sorted(pairs, key=lambda pair: -max(depths[pair[0]], depths[pair[1]])):
            width = thick if seen[a] and seen[b] else max(1, thick // 2)
            line = [fixed(points[[a, b]])]
            cv2.polylines(self.image, line, False, DARK, width + max(2, width), cv2.LINE_AA, SHIFT)
            cv2.polylines(self.image, line, False, color, width, cv2.LINE_AA, SHIFT)

    def _seen(self, points: Array) -> Array:
        """(…, 3) mm as the eye has them: right, down and ahead."""
        seen: Array = (points - self._target) @ self._rotation.T
        seen[..., 2] += self._distance
        return seen

    def _slopes(self, points: Array) -> Array:
        """(…, 2) right and down for each step ahead, of (…, 3) mm."""
        seen = self._seen(points)
        slopes: Array = seen[..., :2] / np.maximum(seen[..., 2:], 0.05 * self._view.span_mm)
        return slopes

    def _fitted(self, labels: list[_Label]) -> tuple[float, Array]:
        """The zoom and the middle in px with which the labels and the box over the floor fill the picture."""
        corners = self._corners()
        places = [*corners, *(corners + UP * HEIGHT * self._view.span_mm), *(label.at for label in labels)]
        slopes = self._slopes(np.array(places))
        size = np.array([self.image.shape[1], self.image.shape[0]])
        limb = np.minimum(3.0 * self._thick, size / 8)
        before, after = np.tile(limb, (2, len(places), 1))  # px to keep free about each place
        for row, label in enumerate(labels, start=2 * len(corners)):
            (width, height), thick = label.size, self._thick
            before[row], after[row] = (width / 2 + thick, thick), (width / 2 + thick, height + 2 * thick)
        apart = slopes[:, None] - slopes[None]
        room = size - after[:, None] - before[None]
        zoom = float(np.min(room[apart > 0] / apart[apart > 0]))
        low, high = (before - zoom * slopes).max(axis=0), (size - after - zoom * slopes).min(axis=0)
        return zoom, (low + high) / 2

    def _corners(self) -> Array:
        """(4, 3) mm of the floor."""
        return self._floor_points(np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * self._view.span_mm / 2)

    def _lines(self) -> Array:
        """Where the floor's lines are, in mm from its middle."""
        view = self._view
        return np.arange(-view.span_mm / 2, view.span_mm / 2 * (1 + 1e-9), view.step_mm)

    def _floor_points(self, points: Array) -> Array:
        """(…, 3) mm of (…, 2) x and z on the floor, from its middle."""
        x, y, z = self._view.center_mm
        return np.stack([points[..., 0] + x, np.full(points.shape[:-1], y), points[..., 1] + z], axis=-1)

    def _axis_labels(self) -> list[_Label]:
        """Numbers along the two edges of the floor that are nearest to the eye, and what they count."""
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
            places = self._floor_points(np.array([*axis, middle]))
            labels += map(self._label, [*texts, f"{name} mm"], places)
        return labels

    def _label(self, text: str, at: Array) -> _Label:
        width, height, below = text_size(text, self._text_scale)
        return _Label(text, at, (width, height + below))
