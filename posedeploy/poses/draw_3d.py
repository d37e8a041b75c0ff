"""3D poses drawn as a scene: people standing over a floor whose grid is labelled in mm."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.draw import DARK, SHIFT, Colour, Skeleton, colour_of, fixed, put_text
from posedeploy.types import Array, Poses

GROUND: Colour = (250, 247, 244)
FLOOR: Colour = (240, 234, 229)
GRID: Colour = (214, 204, 196)
SHADOW: Colour = (206, 196, 188)
INK: Colour = (120, 104, 92)
STEP_MM = 500.0
UP = np.array([0.0, -1.0, 0.0])
"""Away from the floor, in camera and in world coordinates alike: y points down in both."""


@dataclass(frozen=True)
class View:
    """Where the scene is seen from, in the coordinates of the poses.

    centre_mm: (3,) the middle of the floor. span_mm: the side of the floor. yaw_deg turns about the vertical;
    pitch_deg looks down from above. Keep one View for a video, so that the floor stands still.
    """

    centre_mm: tuple[float, float, float]
    span_mm: float
    yaw_deg: float = 30.0
    pitch_deg: float = 18.0


def view_of(poses: Poses) -> View:
    """A view that shows all the people, rounded so that it changes seldom from frame to frame."""
    joints = _joints(poses)[..., :3].reshape(-1, 3)
    if not len(joints):
        return View((0.0, 0.0, 0.0), 4 * STEP_MM)
    low, high = joints.min(axis=0), joints.max(axis=0)
    span = max(4.0, math.ceil(float((high - low).max()) * 1.15 / STEP_MM))
    centre = np.rint((low + high) / 2 / STEP_MM) * STEP_MM + 0.0
    return View((float(centre[0]), float(np.ceil(high[1] / 50) * 50), float(centre[2])), span * STEP_MM)


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
        scene.draw_person(joints[person], skeleton, colour_of(poses, person))
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
        self._target = np.array(view.centre_mm) + UP * view.span_mm * 0.27
        self._distance = 3.0 * view.span_mm
        self._zoom = 2.4 * min(size[0] * 0.86, size[1])
        self._unit = max(1.0, math.hypot(*size) / 500)

    def depths(self, points: Array) -> Array:
        """(…,) distance in mm from the eye along its line of sight."""
        return self._seen(points)[..., 2]

    def project(self, points: Array) -> Array:
        """(…, 2) px of (…, 3) mm."""
        seen = self._seen(points)
        middle = np.array([self.image.shape[1], self.image.shape[0]]) / 2
        near = np.maximum(seen[..., 2:], 0.05 * self._view.span_mm)
        pixels: Array = middle + self._zoom * seen[..., :2] / near
        return pixels

    def draw_floor(self) -> None:
        view, half = self._view, self._view.span_mm / 2
        corners = self._floor_points(np.array([(-half, -half), (half, -half), (half, half), (-half, half)]))
        cv2.fillConvexPoly(self.image, fixed(self.project(corners)), FLOOR, cv2.LINE_AA, SHIFT)
        step = STEP_MM * max(1, round(view.span_mm / STEP_MM / 8))
        at = np.arange(-half, half + 1, step)
        ends = np.array([-half, half])
        along_x = np.stack([np.stack([np.full(2, x), ends], axis=1) for x in at])
        lines = self._floor_points(np.concatenate([along_x, along_x[..., ::-1]]))
        cv2.polylines(self.image, list(fixed(self.project(lines))), False, GRID, 1, cv2.LINE_AA, SHIFT)
        every = max(1, math.ceil(len(at) / 5))
        self._label_axes(at[::every], half)

    def draw_person(self, joints: Array, skeleton: Skeleton, colour: Colour) -> None:
        thick = max(1, round(self._unit * 1.6))
        points = self.project(joints[:, :3])
        on_floor = joints[:, :3].copy()
        on_floor[:, 1] = self._view.centre_mm[1]
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
            cv2.polylines(self.image, line, False, colour, width, cv2.LINE_AA, SHIFT)

    def _seen(self, points: Array) -> Array:
        """(…, 3) mm as the eye has them: right, down and ahead."""
        seen: Array = (points - self._target) @ self._rotation.T
        seen[..., 2] += self._distance
        return seen

    def _floor_points(self, points: Array) -> Array:
        """(…, 3) mm of (…, 2) x and z on the floor, from its middle."""
        x, y, z = self._view.centre_mm
        return np.stack([points[..., 0] + x, np.full(points.shape[:-1], y), points[..., 1] + z], axis=-1)

    def _label_axes(self, at: Array, half: float) -> None:
        """Numbers along the two edges of the floor that are nearest to the eye."""
        corners = np.array([(-half, -half), (half, -half), (half, half), (-half, half)])
        near_x, near_z = np.sign(corners[self.depths(self._floor_points(corners)).argmin()])
        out = half * 1.07
        x_axis = np.stack([at, np.full(len(at), near_z * out)], axis=1)
        z_axis = np.stack([np.full(len(at), near_x * out), at], axis=1)
        z_axis = z_axis[at * near_z < half]  # the nearest corner is labelled once, by x
        for name, axis, kind, origin in (("x", x_axis, 0, 0), ("z", z_axis, 1, 2)):
            texts = [f"{value + self._view.centre_mm[origin]:.0f}" for value in axis[:, kind]]
            for point, text in zip(self.project(self._floor_points(axis)), texts, strict=True):
                self._centred(text, point)
            middle = axis.mean(axis=0) * np.where(np.arange(2) == kind, 1, 1.18)
            self._centred(f"{name} mm", self.project(self._floor_points(middle)))

    def _centred(self, text: str, at: Array) -> None:
        scale = 0.16 + 0.14 * self._unit
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        put_text(self.image, text, (int(at[0] - width / 2), int(at[1] + height)), scale, INK)
