"""Which files are COCO keypoints, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.benchmarks.annotations import read_annotations
from posedeploy.errors import InputError
from tests.benchmarks import coco

SIZE = (400, 300)
PERSON = np.random.default_rng(0).uniform(0, 300, (17, 3))


def test_what_is_read(tmp_path: Path) -> None:
    path = coco.write(tmp_path / "a.json", {"a.png": SIZE}, [coco.person(1, PERSON, area=7.5, iscrowd=1)])
    read = read_annotations(path)
    ((image,), (person,)) = read.images, read.people
    assert (image.id, image.file_name, image.width, image.height) == (1, "a.png", *SIZE)
    assert (read.category_id, read.keypoint_names) == (1, coco.NAMES)
    np.testing.assert_array_equal(person.keypoints[:, :2], PERSON[:, :2])
    assert (person.image_id, person.area, person.crowd) == (1, 7.5, True)
    assert person.height == pytest.approx(np.ptp(PERSON[:, 1]) / 300)


def test_people_are_those_of_the_category_with_keypoints(tmp_path: Path) -> None:
    ball = {"image_id": 1, "category_id": 37, "bbox": [0, 0, 9, 9], "area": 81}
    dog = {"id": 18, "name": "dog", "keypoints": ["tail"]}
    categories = [{"id": 37, "name": "ball"}, dog, {"id": 2, "name": "person", "keypoints": coco.NAMES}]
    people = [ball, coco.person(1, PERSON, category_id=2)]
    path = coco.write(tmp_path / "a.json", {"a.png": SIZE}, people, categories=categories)
    read = read_annotations(path)
    assert (read.category_id, len(read.people)) == (2, 1)


def _replaced(**fields: Any) -> Callable[[Path], Path]:
    return lambda path: coco.write(path, {"a.png": SIZE}, [coco.person(1, PERSON)], **fields)


def _text(content: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "no such file; name COCO keypoints"),
        (_text(b"\xff\x00"), "not COCO keypoints: "),
        (_text(b"[]"), "not COCO keypoints: Expected `object`, got `array`; wanted images, annotations and"),
        (_text(b'{"images": []}'), "not COCO keypoints: Object missing required field `annotations`"),
        (
            _replaced(annotations=[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}]),
            r"missing required field `area` - at `\$.annotations\[0\]`; wanted images",
        ),
        (_replaced(images=[]), "it lists no images"),
        (_replaced(categories=[{"id": 1, "name": "person"}]), "its categories are person"),
        (_replaced(categories=[]), "its categories are none"),
        (
            _replaced(images=[{"id": 1, "file_name": "a.png", "width": 9, "height": 9}] * 2),
            "its 2 images have only 1 different ids",
        ),
        (
            _replaced(images=[{"id": 7, "file_name": "a.png", "width": 9, "height": 9}]),
            "an annotation of the image 1, which it does not list",
        ),
        (
            _replaced(categories=[{"id": 1, "name": "person", "keypoints": ["nose"]}]),
            "an annotation of the image 1 has 51 numbers for its keypoints; wanted x, y and v of each",
        ),
    ],
)
def test_a_file_that_is_not_coco_keypoints(
    make: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        read_annotations(make(tmp_path / "a.json"))
    assert str(refusal.value).startswith(f"{tmp_path}/a.json: ")
    assert "\n" not in str(refusal.value)


def test_a_limit_is_of_images_and_their_people(tmp_path: Path) -> None:
    images = {"a.png": SIZE, "b.png": SIZE}
    people = [coco.person(image, PERSON) for image in (2, 1, 2)]
    path = coco.write(tmp_path / "a.json", images, people)
    assert [person.image_id for person in read_annotations(path).people] == [2, 1, 2]
    limited = read_annotations(path, 1)
    assert [image.file_name for image in limited.images] == ["a.png"]
    assert [person.image_id for person in limited.people] == [1]
