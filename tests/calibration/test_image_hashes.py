"""Hashes of images: exact for pixels, and equal or near for what looks the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from posedeploy.calibration.image_hashes import are_near, count_near_duplicates, perceptual_hash, pixel_hash
from posedeploy.synthetic import generate_scene
from posedeploy.synthetic.jpeg import round_trip_jpeg
from posedeploy.types import Array

IMAGES = [generate_scene(3, index).image for index in range(12)]


@pytest.mark.parametrize("image", IMAGES[:4])
def test_a_copy_is_near_and_its_pixels_differ(image: Array) -> None:
    smaller = cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    for copy in (
        round_trip_jpeg(image, 80),
        smaller,
        np.clip(image.astype(int) + 10, 0, 255).astype(np.uint8),
    ):
        assert are_near(perceptual_hash(image), perceptual_hash(copy))
        assert pixel_hash(image) != pixel_hash(copy)
    assert pixel_hash(image) == pixel_hash(image.copy())


def test_different_images_are_not_near() -> None:
    hashes = [perceptual_hash(image) for image in IMAGES]
    assert count_near_duplicates(hashes) == 0
    assert count_near_duplicates([*hashes, *hashes[:5]]) == 5


def test_the_size_is_part_of_the_pixel_hash() -> None:
    assert pixel_hash(np.zeros((2, 6, 3), np.uint8)) != pixel_hash(np.zeros((6, 2, 3), np.uint8))
