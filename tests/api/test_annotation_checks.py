"""Annotations with a likely mistake, which is refused or reported with its cause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posedeploy.api.annotation_checks import check_annotations
from posedeploy.benchmarks.annotations import Annotations, read_annotations
from posedeploy.errors import InputError
from posedeploy.types import Array
from tests.benchmarks import coco

WIDTH, HEIGHT = 400, 300
PEOPLE = [
    np.random.default_rng(seed).uniform((200, 150, 1), (380, 290, 1.1), (17, 3)).round(2) for seed in range(3)
]


def annotations(folder: Path, scale: Array, *, corners: bool = False) -> Annotations:
    people = []
    for keypoints in PEOPLE:
        person = coco.person(1, keypoints * [*scale, 1])
        x, y, width, height = person["bbox"]
        people.append(person | ({"bbox": [x, y, x + width, y + height]} if corners else {}))
    return read_annotations(coco.write(folder / "a.json", {"a.png": (WIDTH, HEIGHT)}, people))


def test_plausible_annotations_pass(tmp_path: Path) -> None:
    assert check_annotations(annotations(tmp_path, np.ones(2))) == []
    assert check_annotations(read_annotations(coco.write(tmp_path / "b.json", {"a.png": (9, 9)}, []))) == []


def test_boxes_with_corner_coordinates_are_refused(tmp_path: Path) -> None:
    message = (
        r"a\.json: the person 0 of image 1: the box .* as left, top, width, height in px .*; the boxes fit "
        r"as xyxy \(left, top, right, bottom in px\).*; write each bbox as left, top, width, height in px"
    )
    with pytest.raises(InputError, match=message):
        check_annotations(annotations(tmp_path, np.ones(2), corners=True))


def test_one_box_in_another_format_is_reported(tmp_path: Path) -> None:
    person = coco.person(1, PEOPLE[0])
    x, y, width, height = person["bbox"]
    people = [person | {"bbox": [x, y, x + width, y + height]}]
    path = coco.write(tmp_path / "a.json", {"a.png": (WIDTH, HEIGHT)}, people)
    (warning,) = check_annotations(read_annotations(path))
    assert warning.endswith("check that each bbox is left, top, width, height in px")


def test_normalized_keypoints_are_refused(tmp_path: Path) -> None:
    message = (
        r"a\.json: x and y of the keypoints are from 0\.\d+ to 0\.\d+, so they are normalized; expected px"
    )
    with pytest.raises(InputError, match=message):
        check_annotations(annotations(tmp_path, 1 / np.array([WIDTH, HEIGHT])))


def test_keypoints_of_other_images_are_reported(tmp_path: Path) -> None:
    boxes, points = check_annotations(annotations(tmp_path, np.array([3, 3])))
    assert "the heights of people come from these boxes" in boxes
    assert points.startswith("51 of 51 labeled keypoints lie outside their images")
