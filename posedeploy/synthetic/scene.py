"""A drawn image of people, with what is true of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.synthetic.backdrop import draw_backdrop, draw_cover
from posedeploy.synthetic.body import draw_build, draw_stance, pose
from posedeploy.synthetic.canvas import NOBODY, Canvas
from posedeploy.synthetic.draw_figure import draw_figure
from posedeploy.synthetic.figure import MOST_PARTS, Figure
from posedeploy.synthetic.outfit import draw_outfit
from posedeploy.synthetic.photograph import photographed
from posedeploy.synthetic.rng import Rng
from posedeploy.synthetic.visibility import VISIBLE, visibility
from posedeploy.types import Array

SIZES = (
    (320, 240), (400, 300), (456, 256), (480, 320), (512, 384), (640, 480), (288, 384), (300, 400),
    (384, 384),
)  # fmt: skip
"""Widths and heights in px that images are drawn in."""
SHORTEST, LONGEST = 64, 4096
"""What a side of an image can be, in px."""
MOST_PEOPLE = 8
SMALLEST_PX = 40
"""About the least that a figure measures from top to bottom."""
NEAREST_MM = 150.0
"""No joint is nearer to the camera."""
RECOGNISABLE = 4
"""A person of whom fewer keypoints than this can be seen is not annotated."""


@dataclass(frozen=True)
class Person:
    """One drawn person.

    keypoints: (18, 2) px, in the order of lightweight-openpose-2d; also where they are not seen.
    visibility: (18,) 2 seen; 1 hidden, but beside one that is seen; 0 outside the image, turned away or
    hidden altogether, as an annotator would leave it out.
    joints_mm: (28, 3) mm, ``posedeploy.synthetic.JOINTS`` in camera coordinates (x right, y down, z ahead).
    box: x, y, width, height px around the pixels that show this person, as COCO has it; 0 where none do.
    area: the pixels that show this person. share: those, over the pixels that would if nothing covered it.
    """

    keypoints: Array
    visibility: Array
    joints_mm: Array
    box: tuple[float, float, float, float]
    area: int
    share: float

    @property
    def recognizable(self) -> bool:
        """Whether enough of it is seen for it to be annotated."""
        return int((self.visibility == VISIBLE).sum()) >= RECOGNISABLE


@dataclass(frozen=True)
class Scene:
    """An image of people.

    image: (H, W, 3) uint8 BGR. people: farthest first. owners: (H, W) uint8, 0 or 1 + the index of the person
    whom a pixel shows. parts: (H, W) uint8, 0 or 1 + the index in ``PARTS`` of what it shows of them.
    focal_length: of the pinhole camera, in px; its axis goes through the image's center.
    """

    image: Array
    people: tuple[Person, ...]
    owners: Array
    parts: Array
    focal_length: float


def draw(seed: int, index: int, size: tuple[int, int] | None = None, people: int | None = None) -> Scene:
    """Image ``index`` of ``seed``: the same on every machine that has the same OpenCV and NumPy.

    Args:
        seed, index: 0 to 2**32 - 1 each. size: (width, height) in px; one of ``SIZES`` where it is not given.
        people: how many, 0 to 8; 1 to 8 by chance where it is not given, few more often than many.

    Raises:
        InputError: an argument is out of its range.
    """
    _check(seed, index, size, people)
    draws = Rng(seed, index)
    width, height = draws.pick(SIZES) if size is None else size
    count = draws.pick((1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 8)) if people is None else people
    focal_length = width * draws.uniform(0.8, 1.6)
    canvas = draw_backdrop(draws, width, height)
    figures = _figures(draws, count, (width, height), focal_length)
    own = []
    for figure in figures:
        draw_figure(canvas, figure)
        canvas.owner = NOBODY
        own.append(int((figure_of(canvas.owners) == figure.number + 1).sum()))
        if draws.chance(0.13):
            _cover(canvas, draws, figure)
    owners = figure_of(canvas.owners).astype(np.uint8)
    parts = np.where(owners, (canvas.owners - 1) % MOST_PARTS + 1, 0).astype(np.uint8)
    seen = [_person(figure, canvas.owners, owners, whole) for figure, whole in zip(figures, own, strict=True)]
    return Scene(photographed(canvas.image, draws), tuple(seen), owners, parts, focal_length)


def _check(seed: int, index: int, size: tuple[int, int] | None, people: int | None) -> None:
    if not (0 <= seed < 2**32 and 0 <= index < 2**32):
        raise InputError(f"seed {seed}, image {index}: each should be 0 to {2**32 - 1}")
    if size is not None and not all(SHORTEST <= length <= LONGEST for length in size):
        raise InputError(
            f"a drawn image of {size[0]}x{size[1]} px: each side should be {SHORTEST} to {LONGEST}"
        )
    if people is not None and not 0 <= people <= MOST_PEOPLE:
        raise InputError(f"{people} people: an image is drawn with 0 to {MOST_PEOPLE}")


def _figures(draws: Rng, count: int, size: tuple[int, int], focal_length: float) -> list[Figure]:
    """People as they stand before the camera, farthest first."""
    placed = [_placed(draws, count, size, focal_length) for _ in range(count)]
    placed.sort(key=lambda figure: -float(figure.camera_joints[:, 2].mean()))
    return [replace(figure, number=number) for number, figure in enumerate(placed)]


def _placed(draws: Rng, count: int, size: tuple[int, int], focal_length: float) -> Figure:
    width, height = size
    build, outfit = draw_build(draws), draw_outfit(draws)
    skeleton = pose(build, draw_stance(draws))
    low, high = skeleton.joints[:, 1].min(), skeleton.joints[:, 1].max()
    most = min(1.0, 1.5 / count**0.5)
    tall = max(SMALLEST_PX, height * most * draws.uniform(0.18, 1.0))
    distance = max(focal_length * (high - low) / tall, 700.0)
    # Where the middle of the figure is: most of it within the image, sometimes cut by the border.
    overhang = 0.22 if draws.chance(0.25) else -0.06
    x = draws.uniform(-overhang * tall, width + overhang * tall) - width / 2
    space = max(0.0, (height - tall) / 2)
    y = draws.about(0, 1) * space + (draws.uniform(-0.4, 0.4) * tall if draws.chance(0.2) else 0)
    at = np.array([x * distance / focal_length, y * distance / focal_length - (low + high) / 2, distance])
    at[2] += max(0.0, NEAREST_MM - (skeleton.joints[:, 2].min() + distance))
    joints = (skeleton.joints + at).round(3)
    scale = focal_length / joints[:, 2]
    points = (joints[:, :2] * scale[:, None] + (width / 2, height / 2)).round(4)
    return Figure(0, build, outfit, skeleton, joints, points, scale)


def figure_of(owners: Array) -> Array:
    """For each of a canvas's owners 0 or 1 + the figure's number."""
    figures: Array = (owners + (MOST_PARTS - 1)) // MOST_PARTS
    return figures


def _cover(canvas: Canvas, draws: Rng, figure: Figure) -> None:
    low, high = figure.points.min(axis=0), figure.points.max(axis=0)
    spot = low + (high - low) * (draws.uniform(-0.1, 1.1), draws.uniform(0.3, 1.1))
    draw_cover(canvas, draws, spot, float(high[1] - low[1]) * draws.uniform(0.2, 0.6))


def _person(figure: Figure, parts: Array, owners: Array, uncovered: int) -> Person:
    own = owners == figure.number + 1
    area = int(own.sum())
    return Person(
        keypoints=figure.points[: len(KEYPOINT_NAMES)],
        visibility=visibility(figure, parts),
        joints_mm=figure.camera_joints,
        box=_box_around(own),
        area=area,
        share=area / uncovered if uncovered else 0.0,
    )


def _box_around(own: Array) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(own.any(axis=1)), np.flatnonzero(own.any(axis=0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    left, top = float(columns[0]), float(rows[0])
    return left, top, float(columns[-1]) - left + 1, float(rows[-1]) - top + 1
