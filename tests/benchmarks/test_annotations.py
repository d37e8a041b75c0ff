"""Reading of COCO keypoints files: their fields, and files that are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.benchmarks.annotations import read_annotations
from posedeploy.errors import InputError
from posedeploy.files import sha256
from posedeploy.joint_sets import set_named
from tests.benchmarks import coco

SIZE = (400, 300)
PERSON = np.random.default_rng(0).uniform(0, 300, (17, 3))


def test_all_fields_are_read(tmp_path: Path) -> None:
    path = coco.write(tmp_path / "a.json", {"a.png": SIZE}, [coco.person(1, PERSON, area=7.5, iscrowd=1)])
    read = read_annotations(path)
    ((image,), (person,)) = read.images, read.people
    assert (image.id, image.file_name, image.width, image.height) == (1, "a.png", *SIZE)
    assert (read.category_id, read.keypoint_names) == (1, coco.NAMES)
    assert read.sha256 == sha256(path)
    np.testing.assert_array_equal(person.keypoints[:, :2], PERSON[:, :2])
    assert (person.image_id, person.area, person.crowd) == (1, 7.5, True)
    assert person.height == pytest.approx(np.ptp(PERSON[:, 1]) / 300)


def test_only_the_category_with_keypoints_is_read(tmp_path: Path) -> None:
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
        (lambda path: path, "no such file; pass COCO keypoints"),
        (_text(b"\xff\x00"), "not COCO keypoints: "),
        (
            _text(b"[]"),
            "not COCO keypoints: Expected `object`, got `array`; expected images, annotations and",
        ),
        (_text(b'{"images": []}'), "not COCO keypoints: Object missing required field `annotations`"),
        (_replaced(images=[]), "no images; expected"),
        (_replaced(categories=[{"id": 2, "name": "dog"}]), "the categories are dog"),
        (_replaced(categories=[], annotations=[]), "the categories are none"),
        (
            _replaced(categories=[{"id": 1}], annotations=[coco.person(1, PERSON[:14])]),
            r"the category person has no keypoint names, and 14 keypoints per annotation do not identify",
        ),
        (
            _replaced(images=[{"id": 1, "file_name": "a.png", "width": 9, "height": 9}] * 2),
            "2 images have 1 different ids; expected one id per image",
        ),
    ],
)
def test_a_file_that_is_not_coco_keypoints_is_refused(
    make: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        read_annotations(make(tmp_path / "a.json"))
    assert str(refusal.value).startswith(f"{tmp_path}/a.json: ")
    assert "\n" not in str(refusal.value)


def test_a_limit_applies_to_images_and_their_people(tmp_path: Path) -> None:
    images = {"a.png": SIZE, "b.png": SIZE}
    people = [coco.person(image, PERSON) for image in (2, 1, 2)]
    path = coco.write(tmp_path / "a.json", images, people)
    assert [person.image_id for person in read_annotations(path).people] == [2, 1, 2]
    limited = read_annotations(path, 1)
    assert [image.file_name for image in limited.images] == ["a.png"]
    assert [person.image_id for person in limited.people] == [1]


def _without(*fields: str, **more: Any) -> dict[str, Any]:
    person = coco.person(1, PERSON)
    return {name: value for name, value in person.items() if name not in fields} | more


@pytest.mark.parametrize(
    ("entry", "area", "remark"),
    [
        (_without("area"), None, "have no area: computed from their box"),
        (_without("area", area=None), None, "have no area: computed from their box"),
        (_without("area", area=0), None, "have no area: computed from their box"),
        (
            _without("area", segmentation=[[0, 0, 10, 0, 10, 4, 0, 4], [20, 0, 22, 0, 22, 1]]),
            41.0,
            "from their segmentation",
        ),
        (_without("area", segmentation={"counts": [3, 5, 2, 7], "size": [4, 5]}), 12, "segmentation"),
        (
            _without("area", segmentation={"counts": "abc", "size": [4, 5]}),
            None,
            "computed from their box",
        ),
        (_without("area", segmentation=[]), None, "have no area: computed from their box"),
    ],
)
def test_a_missing_area_is_computed(
    entry: dict[str, Any], area: float | None, remark: str, tmp_path: Path
) -> None:
    read = read_annotations(coco.write(tmp_path / "a.json", {"a.png": SIZE}, [entry, coco.person(1, PERSON)]))
    person = read.people[0]
    assert person.area == pytest.approx(person.box[2] * person.box[3] if area is None else area)
    (message,) = read.remarks
    assert message.startswith("1 of 2 annotations ") and remark in message


def test_other_missing_fields_have_defaults(tmp_path: Path) -> None:
    entries = [
        _without("id", "num_keypoints", "iscrowd"),
        _without("bbox"),
        _without("iscrowd", iscrowd=True),
        _without("keypoints"),
        _without(keypoints=[1.0, 2.0, 2]),
        _without(keypoints=[[1.0, 2.0, 2]] * 17),
        _without(keypoints=PERSON[:, :2].ravel().tolist()),
        _without(keypoints=[None, None, 0] * 17),
        _without(keypoints="none"),
    ]
    read = read_annotations(coco.write(tmp_path / "a.json", {"a.png": SIZE}, entries))
    labeled = [int((person.keypoints[:, 2] > 0).sum()) for person in read.people]
    assert labeled == [17, 17, 17, 0, 0, 17, 17, 0, 0]
    assert [person.crowd for person in read.people] == [False, False, True] + [False] * 6
    np.testing.assert_allclose(read.people[1].box, read.people[0].box)
    assert set(read.remarks) == {
        "1 of 9 annotations have no iscrowd: read as single people",
        "1 of 9 annotations have no bbox: computed from their keypoints",
        "1 of 9 annotations do not have x, y and v for 17 keypoints: these people are ignored",
        "1 of 9 annotations have keypoints without v: those at 0, 0 are read as not labeled",
    }


def test_invalid_entries_are_skipped_and_reported(tmp_path: Path) -> None:
    entries = [_without("image_id"), coco.person(9, PERSON), coco.person(1, PERSON), {"id": 3}]
    read = read_annotations(coco.write(tmp_path / "a.json", {"a.png": SIZE}, entries))
    assert len(read.people) == 1
    assert read.remarks == (
        "2 of 4 annotations cannot be read and are ignored: annotations[0]: Object missing required field "
        "`image_id`",
        "1 of 4 annotations of unlisted images are ignored: annotations[1] belongs to the image 9",
    )


@pytest.mark.parametrize("height", [0, -1, "tall", 480.5, 10**400, 1 << 63, 65_536, True, [480], "\ud800"])
def test_a_size_that_is_not_in_px_is_ignored_and_reported(height: Any, tmp_path: Path) -> None:
    images = [
        {"id": 1, "file_name": "a.png", "width": 640, "height": height},
        {"id": 2, "file_name": "b.png", "width": 640.0, "height": "480"},
    ]
    read = read_annotations(coco.write(tmp_path / "a.json", {}, [coco.person(1, PERSON)], images=images))
    assert [(image.id, image.width, image.height) for image in read.images] == [(1, 0, 0), (2, 640, 480)]
    assert len(read.people) == 1
    (remark,) = read.remarks
    assert remark.startswith("the sizes of 1 of 2 images cannot be read and are ignored: images[0]: ")


@pytest.mark.parametrize(
    "image", [{"id": 2}, {"id": None, "file_name": "b.png"}, {"id": 2, "file_name": 7}, "b.png", None, []]
)
def test_an_image_that_cannot_be_read_is_ignored_and_reported(image: object, tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png", "width": 640, "height": 480}, image]
    people = [coco.person(1, PERSON), coco.person(2, PERSON)]
    read = read_annotations(coco.write(tmp_path / "a.json", {}, people, images=images))
    assert [each.file_name for each in read.images] == ["a.png"] and len(read.people) == 1
    unread, unlisted = read.remarks
    assert unread.startswith("1 of 2 images cannot be read and are ignored: images[1]: ")
    assert unlisted.startswith("1 of 2 annotations of unlisted images are ignored")
    with pytest.raises(InputError, match=r"no images \(1 of 1 images cannot be read .*images\[0\]: .*\); "):
        read_annotations(coco.write(tmp_path / "b.json", {}, people, images=[image]))


def test_numbers_may_be_floats_or_strings(tmp_path: Path) -> None:
    images = [{"id": 1.0, "file_name": "a.png"}]
    categories = [{"id": "1", "name": "person", "keypoints": coco.NAMES}, {"id": [], "name": "dog"}]
    entry = coco.person(1, PERSON, image_id=1.0, category_id=1.0, bbox=["1.5", 2, "3", 4.0], iscrowd="0")
    path = coco.write(tmp_path / "a.json", {}, [entry], images=images, categories=categories)
    read = read_annotations(path)
    assert [(person.image_id, person.box, person.crowd) for person in read.people] == [
        (1, (1.5, 2, 3, 4), False)
    ]
    assert read.remarks == (
        "1 of 2 categories cannot be read and are ignored: categories[1]: Expected `int | null`, got `array` "
        "- at `$.id`",
    )


@pytest.mark.parametrize(
    "categories",
    [[{"id": 1, "name": "person"}], [], [{"id": 1, "name": "person", "keypoints": []}, {"id": 2}]],
)
@pytest.mark.parametrize("columns", [2, 3])
def test_17_keypoints_without_names_have_the_coco_names(
    columns: int, categories: list[Any], tmp_path: Path
) -> None:
    entry = _without(keypoints=PERSON[:, :columns].ravel().tolist())
    path = coco.write(tmp_path / "a.json", {"a.png": SIZE}, [entry], categories=categories)
    read = read_annotations(path)
    assert read.keypoint_names == coco.NAMES and len(read.people) == 1
    assert "category person has no keypoint names: its 17 keypoints are read as COCO's" in read.remarks


def test_ids_may_be_strings_and_sizes_may_be_missing(tmp_path: Path) -> None:
    images = [{"id": "a", "file_name": "a.png"}, {"id": "b", "file_name": "b.png"}]
    people = [coco.person(1, PERSON, image_id=name) for name in ("a", "b")]
    read = read_annotations(coco.write(tmp_path / "a.json", {}, people, images=images))
    assert [(image.id, image.width, image.height) for image in read.images] == [("a", 0, 0), ("b", 0, 0)]
    mixed = [coco.person(1, PERSON, image_id=each) for each in ("1", 2, "b", "02")]
    images = [{"id": 1, "file_name": "a.png"}, {"id": "2", "file_name": "b.png"}]
    numbers = read_annotations(coco.write(tmp_path / "b.json", {}, mixed, images=images))
    assert [person.image_id for person in numbers.people] == [1, "2"]
    assert (
        "2 of 4 annotations of unlisted images are ignored: annotations[2] belongs to the image 'b'"
        in str(numbers.remarks)
    )
    some = read.select_images({"b": (40, 300)})
    assert [(image.id, image.height) for image in some.images] == [("b", 300)]
    assert [person.height for person in some.people] == [pytest.approx(np.ptp(PERSON[:, 1]) / 300)]


def test_a_keypoint_that_is_not_a_number_is_unlabeled_and_reported(tmp_path: Path) -> None:
    numbers = coco.person(1, PERSON)["keypoints"]
    entries = [_without(keypoints=[value, *numbers[1:]]) for value in (float("nan"), float("inf"), None)]
    read = read_annotations(coco.write(tmp_path / "a.json", {"a.png": SIZE}, entries))
    assert [int((person.keypoints[:, 2] > 0).sum()) for person in read.people] == [16] * 3
    assert read.remarks == (
        "3 of 3 annotations have keypoints that are NaN, infinite or null: read as not labeled",
    )


PARTS = {
    name: np.random.default_rng(count).uniform(1, 200, (count, 3)).ravel().tolist()
    for name, count in (("foot_kpts", 6), ("face_kpts", 68), ("lefthand_kpts", 21), ("righthand_kpts", 21))
}
"""The lists of COCO-WholeBody."""


def test_feet_faces_and_hands_in_lists_of_their_own_are_read(tmp_path: Path) -> None:
    people = [coco.person(1, PERSON, **PARTS), coco.person(1, PERSON)]
    read = read_annotations(coco.write(tmp_path / "a.json", {"a.png": SIZE}, people))
    assert read.keypoint_names == set_named("wholebody-133", "").joints
    whole, body = read.people
    np.testing.assert_array_equal(whole.keypoints[17:23].ravel(), PARTS["foot_kpts"])
    np.testing.assert_array_equal(whole.keypoints[112:].ravel(), PARTS["righthand_kpts"])
    np.testing.assert_array_equal(body.keypoints[:17, :2], PERSON[:, :2])
    assert not body.keypoints[17:].any()
    assert any("are read from foot_kpts" in remark for remark in read.remarks)


@pytest.mark.parametrize(
    "change", [{"face_valid": False}, {"face_kpts": [1, 2, 3]}, {"face_kpts": ["a"]}, {"face_kpts": None}]
)
def test_a_part_that_is_not_annotated_is_not_labeled(change: dict[str, Any], tmp_path: Path) -> None:
    people = [coco.person(1, PERSON, **{**PARTS, **change})]
    (person,) = read_annotations(coco.write(tmp_path / "a.json", {"a.png": SIZE}, people)).people
    assert not person.keypoints[23:91].any()
    assert person.keypoints[91:].all()
