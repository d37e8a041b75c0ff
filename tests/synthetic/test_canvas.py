"""What is painted over someone is recorded: whoever is covered by it is not seen there."""

from __future__ import annotations

import cv2
import numpy as np

from posedeploy.synthetic import Rng, draw
from posedeploy.synthetic.backdrop import draw_cover, draw_thing
from posedeploy.synthetic.canvas import NOBODY, Canvas
from posedeploy.types import Array

SOMEONE = 33


def _painted_over_someone(canvas: Canvas, before: Array) -> tuple[int, int]:
    """How many changed pixels still have the old owner, and of how many, without the outer blended ones."""
    changed = (np.abs(canvas.image.astype(int) - before).max(axis=2) > 2).astype(np.uint8)
    inside = cv2.erode(changed, np.ones((5, 5), np.uint8)) > 0
    return int((inside & (canvas.owners == SOMEONE)).sum()), int(inside.sum())


def test_things_and_covers_own_every_pixel_that_they_change() -> None:
    wrong = covered = 0
    for seed in range(120):
        draws = Rng(seed)
        canvas = Canvas(np.full((240, 320, 3), 128, np.uint8))
        canvas.owners[:] = SOMEONE
        before = canvas.image.astype(int)
        draw_thing(canvas, draws, 90.0)
        draw_cover(canvas, draws, np.array([160.0, 120.0]), 90.0)
        painted = _painted_over_someone(canvas, before)
        wrong, covered = wrong + painted[0], covered + painted[1]
        assert (canvas.owners == NOBODY).any()
    assert covered > 100_000
    assert wrong < covered * 0.001  # blended edges that meet


def test_people_are_where_their_parts_are() -> None:
    for index in range(40):
        scene = draw(5, index)
        np.testing.assert_array_equal(scene.parts > 0, scene.owners > 0)
        assert scene.owners.max(initial=0) <= len(scene.people)
