"""The owners of pixels that are drawn over a person."""

from __future__ import annotations

import cv2
import numpy as np

from posedeploy.synthetic import Rng, generate_scene
from posedeploy.synthetic.backdrop import draw_clutter, draw_occluder
from posedeploy.synthetic.canvas import NOBODY, Canvas
from posedeploy.types import Array

PERSON = 33


def _count_painted(canvas: Canvas, before: Array) -> tuple[int, int]:
    """Count the changed pixels that the person still owns, and all changed ones, both without the border."""
    changed = (np.abs(canvas.image.astype(int) - before).max(axis=2) > 2).astype(np.uint8)
    inside = cv2.erode(changed, np.ones((5, 5), np.uint8)) > 0
    return int((inside & (canvas.owners == PERSON)).sum()), int(inside.sum())


def test_clutter_and_occluders_own_the_pixels_that_they_change() -> None:
    wrong = covered = 0
    for seed in range(120):
        rng = Rng(seed)
        canvas = Canvas(np.full((240, 320, 3), 128, np.uint8))
        canvas.owners[:] = PERSON
        before = canvas.image.astype(int)
        draw_clutter(canvas, rng, 90.0)
        draw_occluder(canvas, rng, np.array([160.0, 120.0]), 90.0)
        painted = _count_painted(canvas, before)
        wrong, covered = wrong + painted[0], covered + painted[1]
        assert (canvas.owners == NOBODY).any()
    assert covered > 100_000
    assert wrong < covered * 0.001  # antialiased edges that touch


def test_owners_and_parts_cover_the_same_pixels() -> None:
    for index in range(40):
        scene = generate_scene(5, index)
        np.testing.assert_array_equal(scene.parts > 0, scene.owners > 0)
        assert scene.owners.max(initial=0) <= len(scene.people)
