"""An image of synthetic people with its ground truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.synthetic.backdrop import draw_backdrop, draw_occluder
from posedeploy.synthetic.body import generate_physique, pose
from posedeploy.synthetic.canvas import NOBODY, Canvas
from posedeploy.synthetic.draw_figure import draw_figure
from posedeploy.synthetic.figure import MAX_PARTS, Figure
from posedeploy.synthetic.outfit import generate_outfit
from posedeploy.synthetic.photograph import apply_camera
from posedeploy.synthetic.rng import Rng
from posedeploy.synthetic.stance import generate_stance
from posedeploy.synthetic.visibility import VISIBLE, compute_visibility
from posedeploy.types import Array

SIZES = (
    (320, 240), (400, 300), (456, 256), (480, 320), (512, 384), (640, 480), (288, 384), (300, 400),
    (384, 384),
)  # fmt: skip
"""The default widths and heights in px."""
MIN_SIDE, MAX_SIDE = 64, 4096
"""The limits of a side of an image, in px."""
MAX_PEOPLE = 8
MIN_HEIGHT_PX = 40
"""The approximate minimum height of a figure."""
MIN_DISTANCE_MM = 150.0
"""The minimum distance of a joint from the camera."""
MIN_VISIBLE_KEYPOINTS = 4
"""A person with fewer visible keypoints is not annotated."""


@dataclass(frozen=True)
class SyntheticPerson:
    """One synthetic person.

    keypoints: (18, 2) px, in the order of lightweight-openpose-2d; hidden ones too.
    visibility: (18,) 2: visible; 1: hidden, with a visible neighbor in the skeleton; 0: outside the image,
    turned away, or hidden without a visible neighbor, which an annotator would leave out.
    joints_mm: (28, 3) mm, ``posedeploy.synthetic.JOINTS`` in camera coordinates (x right, y down, z forward).
    box: x, y, width and height in px around the visible pixels, as in COCO; 0 if there are none.
    area: the number of visible pixels. visible_fraction: that number relative to the pixels of an uncovered
    person.
    """

    keypoints: Array
    visibility: Array
    joints_mm: Array
    box: tuple[float, float, float, float]
    area: int
    visible_fraction: float

    @property
    def is_recognizable(self) -> bool:
        """Whether enough keypoints are visible for an annotation."""
        return int((self.visibility == VISIBLE).sum()) >= MIN_VISIBLE_KEYPOINTS


@dataclass(frozen=True)
class Scene:
    """An image of synthetic people.

    image: (H, W, 3) uint8 BGR. people: farthest first. owners: (H, W) uint8, 1 + the index of the person that
    a pixel shows, or 0. parts: (H, W) uint8, 1 + the index in ``PARTS`` of the body part, or 0. focal_length:
    of the pinhole camera, in px; its axis goes through the center of the image.
    """

    image: Array
    people: tuple[SyntheticPerson, ...]
    owners: Array
    parts: Array
    focal_length: float


def generate_scene(
    seed: int, index: int, size: tuple[int, int] | None = None, people: int | None = None
) -> Scene:
    """Generate image ``index`` of ``seed``, the same on every machine with the same OpenCV and NumPy.

    Args:
        seed, index: 0 to 2**32 - 1 each. size: (width, height) in px; default: a random one of ``SIZES``.
        people: their number, 0 to 8; default: random, 1 to 8, small numbers more often.

    Raises:
        InputError: an argument is out of its range.
    """
    _check(seed, index, size, people)
    rng = Rng(seed, index)
    width, height = rng.choice(SIZES) if size is None else size
    count = rng.choice((1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 8)) if people is None else people
    focal_length = width * rng.uniform(0.8, 1.6)
    canvas = draw_backdrop(rng, width, height)
    figures = _place_figures(rng, count, (width, height), focal_length)
    uncovered = []
    for figure in figures:
        draw_figure(canvas, figure)
        canvas.owner = NOBODY
        uncovered.append(int((figure_numbers(canvas.owners) == figure.number + 1).sum()))
        if rng.chance(0.13):
            _draw_occluder(canvas, rng, figure)
    owners = figure_numbers(canvas.owners).astype(np.uint8)
    parts = np.where(owners, (canvas.owners - 1) % MAX_PARTS + 1, 0).astype(np.uint8)
    described = tuple(
        _describe_person(figure, canvas.owners, owners, area)
        for figure, area in zip(figures, uncovered, strict=True)
    )
    return Scene(apply_camera(canvas.image, rng), described, owners, parts, focal_length)


def generate_keypoints(seed: int, index: int) -> Array:
    """Return (18, 2) px: the keypoints of one person, placed as in an image of one person, without the image,
    which takes nearly all of the time of a scene."""
    _check(seed, index, None, None)
    rng = Rng(seed, index)
    width, height = rng.choice(SIZES)
    (figure,) = _place_figures(rng, 1, (width, height), width * rng.uniform(0.8, 1.6))
    return figure.points[: len(KEYPOINT_NAMES)]


def _check(seed: int, index: int, size: tuple[int, int] | None, people: int | None) -> None:
    for name, number in (("seed", seed), ("index", index)):
        if not 0 <= number < 2**32:
            raise InputError(f"`{name}={number}`: expected 0 to {2**32 - 1}")
    if size is not None and not all(MIN_SIDE <= length <= MAX_SIDE for length in size):
        raise InputError(
            f"`size`: the images would be {size[0]} px wide and {size[1]} px high; expected {MIN_SIDE} to "
            f"{MAX_SIDE} px for both"
        )
    if people is not None and not 0 <= people <= MAX_PEOPLE:
        raise InputError(f"`people={people}`: expected 0 to {MAX_PEOPLE}")


def _place_figures(rng: Rng, count: int, size: tuple[int, int], focal_length: float) -> list[Figure]:
    """Place people at random in front of the camera and return them farthest first."""
    figures = [_place_figure(rng, count, size, focal_length) for _ in range(count)]
    figures.sort(key=lambda figure: -float(figure.camera_joints[:, 2].mean()))
    return [replace(figure, number=number) for number, figure in enumerate(figures)]


def _place_figure(rng: Rng, count: int, size: tuple[int, int], focal_length: float) -> Figure:
    width, height = size
    physique, outfit = generate_physique(rng), generate_outfit(rng)
    skeleton = pose(physique, generate_stance(rng))
    low, high = skeleton.joints[:, 1].min(), skeleton.joints[:, 1].max()
    max_fraction = min(1.0, 1.5 / count**0.5)
    tall = max(MIN_HEIGHT_PX, height * max_fraction * rng.uniform(0.18, 1.0))
    distance = max(focal_length * (high - low) / tall, 700.0)
    # Most figures are inside the image; the border cuts some.
    overhang = 0.22 if rng.chance(0.25) else -0.06
    x = rng.uniform(-overhang * tall, width + overhang * tall) - width / 2
    space = max(0.0, (height - tall) / 2)
    y = rng.around(0, 1) * space + (rng.uniform(-0.4, 0.4) * tall if rng.chance(0.2) else 0)
    origin = np.array([x * distance / focal_length, y * distance / focal_length - (low + high) / 2, distance])
    origin[2] += max(0.0, MIN_DISTANCE_MM - (skeleton.joints[:, 2].min() + distance))
    joints = (skeleton.joints + origin).round(3)
    scale = focal_length / joints[:, 2]
    points = (joints[:, :2] * scale[:, None] + (width / 2, height / 2)).round(4)
    return Figure(0, physique, outfit, skeleton, joints, points, scale)


def figure_numbers(owners: Array) -> Array:
    """Return 1 + the number of the figure for each owner of a canvas, or 0."""
    figures: Array = (owners + (MAX_PARTS - 1)) // MAX_PARTS
    return figures


def _draw_occluder(canvas: Canvas, rng: Rng, figure: Figure) -> None:
    low, high = figure.points.min(axis=0), figure.points.max(axis=0)
    spot = low + (high - low) * (rng.uniform(-0.1, 1.1), rng.uniform(0.3, 1.1))
    draw_occluder(canvas, rng, spot, float(high[1] - low[1]) * rng.uniform(0.2, 0.6))


def _describe_person(figure: Figure, parts: Array, owners: Array, uncovered: int) -> SyntheticPerson:
    own = owners == figure.number + 1
    area = int(own.sum())
    return SyntheticPerson(
        keypoints=figure.points[: len(KEYPOINT_NAMES)],
        visibility=compute_visibility(figure, parts),
        joints_mm=figure.camera_joints,
        box=_box_around(own),
        area=area,
        visible_fraction=area / uncovered if uncovered else 0.0,
    )


def _box_around(own: Array) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    left, top = float(columns[0]), float(rows[0])
    return left, top, float(columns[-1]) - left + 1, float(rows[-1]) - top + 1
