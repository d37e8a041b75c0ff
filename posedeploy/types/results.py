"""Decoded poses, and the input of the network as decoding needs it.

Coordinates are px of the user's image, x to the right and y down, except in fields with another unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from posedeploy.types.tensors import Array


@dataclass(frozen=True)
class Placement:
    """The position of an image in the input of the network: ``input = image * scale + offset``, in px, (x,
    y).

    scale: the resize factor as published, before rounding to whole pixels. scale_y: that of the y axis; None
    if it is the same.
    offset: whole numbers for a resized image, fractions for a crop of a box.
    image_size, input_size: (width, height) in px.
    """

    scale: float
    offset: tuple[float, float]
    image_size: tuple[int, int]
    input_size: tuple[int, int]
    scale_y: float | None = None

    def to_image(self, points: Array) -> Array:
        """Return (..., 2) x, y in px of the image, from px of the input."""
        scale_y = self.scale if self.scale_y is None else self.scale_y
        pixels: Array = (points - self.offset) / (self.scale, scale_y)
        return pixels


@dataclass(frozen=True)
class PlacedJoints:
    """The people whose joints are in the input of a network, one in each row of the batch.

    joints: (people, joints, 3) x px, y px, score, in the order of the network's joint set.
    """

    joints: Array

    def __len__(self) -> int:
        return len(self.joints)


Placed: TypeAlias = Placement | PlacedJoints
"""The input of the network, as decoding needs it."""


@dataclass(frozen=True)
class Camera:
    """The user's camera, for families with 3D poses.

    fx: focal length in px of the image; None if unknown (then 0.8 times the width of the image, as
    published).
    rotation (3, 3), translation (3,) in mm: from world to camera coordinates, ``camera = R world + t``. If
    they are set, poses are in world coordinates.
    """

    fx: float | None = None
    rotation: Array | None = None
    translation: Array | None = None


@dataclass(frozen=True)
class Poses:
    """The people in one image.

    keypoints: (people, keypoints, 3) x px, y px, score; all three are -1 for a missing keypoint.
    scores: (people,) the decoder's confidence, as published: a sum over keypoints and limbs.
    keypoints_3d: (people, joints, 4) x, y, z in mm and the score (-1: not visible in 2D), in coordinates of
    the camera, or of the world if the ``Camera`` has a pose; None for a family without 3D.
    ids: (people,) track ids, negative for people without one yet; or None.
    vertices: (people, vertices, 3) x, y, z in mm of each mesh, relative to the pelvis if the network was
    trained so, in the order of the mesh file; None for a family without meshes.
    root_relative: 3D positions are relative to each person's root (pelvis or wrist), since the network does
    not predict where the person is.
    """

    keypoints: Array
    scores: Array
    keypoints_3d: Array | None = None
    ids: Array | None = None
    vertices: Array | None = None
    root_relative: bool = False

    def __len__(self) -> int:
        return len(self.keypoints)

    @cached_property
    def boxes(self) -> Array:
        """(people, 4) x, y, width, height in px of the tight box around each person's keypoints."""
        is_present = self.keypoints[..., 2:] >= 0
        points = self.keypoints[..., :2]
        low = points.min(axis=1, where=is_present, initial=float("inf"))
        box: Array = self.keypoints[:, 0, [0, 1, 0, 1]]
        box[:, :2] = low
        box[:, 2:] = points.max(axis=1, where=is_present, initial=float("-inf")) - low
        return box
