"""Joints in px of an image: normalized ones are scaled or refused, people outside every image are left
out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.predict.joint_files.joint_content import JointsContent, JointsFrame, Person
from posedeploy.types import Array

MAX_NORMALIZED = 1.5
"""Nearly all joints in px are beyond it, nearly all normalized ones within."""
MIN_NORMALIZED = -0.25
"""Joints normalized to 0..1 may lie so far outside the image; beyond it they are normalized otherwise."""
MAX_REACH = 8192
"""px of an image's sides."""


def in_pixels(content: JointsContent, source: str, image_size: tuple[int, int] | None) -> JointsContent:
    """Return the content in px, without people who reach further than images do.

    Args:
        image_size: height and width of the image that x and y from 0 to 1 are scaled to.

    Raises:
        InputError: the joints are normalized and there is no size, or all people reach too far.
    """
    everyone = content.people
    seen = everyone[everyone[..., 2] >= 0][:, :2]
    if are_normalized(seen):
        content = _scaled(content, seen, source, image_size)
    kept = replace(content, frames=tuple(_within(frame) for frame in content.frames))
    far = [
        f"{source}: {person.label}{_of(frame, source)} is left out: it reaches to "
        f"{_reach(person.joints):g}; wanted px of an image of at most {MAX_REACH} px"
        for frame in content.frames
        for person in frame.people
        if _reach(person.joints) > MAX_REACH
    ]
    if far and not len(kept.people):
        raise InputError(far[0])
    return replace(kept, remarks=(*content.remarks, *far))


def are_normalized(points: Array) -> bool:
    """Return whether (points, 2) x and y are parts of an image's sides, and not px."""
    return len(points) > 0 and bool(np.quantile(np.abs(points), 0.99) <= MAX_NORMALIZED)


def _scaled(
    content: JointsContent, seen: Array, source: str, image_size: tuple[int, int] | None
) -> JointsContent:
    low, high = seen.min(), seen.max()
    if low < MIN_NORMALIZED:
        raise InputError(
            f"{source}: x and y are from {low:.3g} to {high:.3g}: normalized about the image's middle, and "
            "wanted in px; where they were divided as for VideoPose3D, x px is (x + 1) * width / 2 and y "
            "px is y * width / 2 + height / 2"
        )
    if image_size is None:
        raise InputError(
            f"{source}: x and y are from {low:.3g} to {high:.3g}: normalized, and wanted in px; add "
            "`image_size=HxW`, the height and width of the image, to scale 0..1 to it"
        )
    scale = np.array([image_size[1], image_size[0], 1.0])
    scaled = tuple(
        replace(frame, people=tuple(_times(person, scale) for person in frame.people))
        for frame in content.frames
    )
    return replace(content, frames=scaled)


def _times(person: Person, scale: Array) -> Person:
    return replace(person, joints=person.joints * scale)


def _within(frame: JointsFrame) -> JointsFrame:
    return replace(frame, people=tuple(each for each in frame.people if _reach(each.joints) <= MAX_REACH))


def _reach(joints: Array) -> float:
    return float(np.abs(joints[:, :2]).max())


def _of(frame: JointsFrame, source: str) -> str:
    return (
        ""
        if frame.name == source and frame.number is None
        else f" of {frame.name} {frame.number or ''}".rstrip()
    )
