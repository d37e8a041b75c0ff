"""The picture of the demo, and the contact tile_images."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

from tools.contact_sheet import GAP, HEIGHT, WIDTH, picture_path, tile_images
from tools.overlay import LINE_COLORS, distance_px, draw_overlay

PEOPLE = np.zeros((1, 18, 3))
PEOPLE[0, 1:4] = [(100, 60, 2), (140, 80, 2), (150, 120, 2)]


def test_every_run_is_visible_if_all_agree() -> None:
    image = np.zeros((200, 450, 3), np.uint8)
    picture = draw_overlay(image, {"a": PEOPLE, "b": PEOPLE, "c": PEOPLE})
    assert picture.shape[1] == 450 and picture.shape[0] > 200
    for color in LINE_COLORS:
        assert (picture[:200] == color).all(axis=2).any()
    np.testing.assert_array_equal(image, 0)


def test_the_distance_is_the_largest_one_and_infinite_for_missing_people() -> None:
    moved = PEOPLE + np.array([3.0, 4.0, 0.0])
    assert distance_px(PEOPLE, moved) == pytest.approx(5.0)
    assert distance_px(PEOPLE, PEOPLE[:0]) == float("inf")
    lost = PEOPLE.copy()
    lost[0, 1] = 0
    assert distance_px(PEOPLE, lost) == float("inf")
    assert distance_px(PEOPLE[:0], PEOPLE[:0]) == 0


def test_people_are_matched_by_position() -> None:
    pair = np.concatenate([PEOPLE, PEOPLE + np.array([200.0, 0.0, 0.0]) * (PEOPLE[..., 2:] > 0)])
    assert distance_px(pair, pair[::-1]) == 0


def test_a_path_without_the_suffix_of_an_image_is_refused() -> None:
    assert picture_path("a.jpg") == Path("a.jpg")
    with pytest.raises(argparse.ArgumentTypeError, match=r"^a: expected a file like picture\.png"):
        picture_path("a")


def test_a_contact_sheet_has_four_images_per_row() -> None:
    images = [np.full((50, 100, 3), 10 * index, np.uint8) for index in range(6)]
    tiled = tile_images(images)
    assert tiled.shape == (2 * (HEIGHT + GAP) + GAP, 4 * (WIDTH + GAP) + GAP, 3)
    assert (tiled[GAP + HEIGHT // 2, GAP + WIDTH // 2] == 0).all()
    assert (tiled[-GAP - HEIGHT // 2, GAP + WIDTH + GAP + WIDTH // 2] == 50).all()
