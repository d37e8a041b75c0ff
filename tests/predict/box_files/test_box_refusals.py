"""Boxes that are skipped, and box files that are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy import npy_files
from posedeploy.errors import InputError
from posedeploy.predict.box_files import voc
from tests.predict.box_files.box_writers import (
    BOX,
    YOLO,
    annotations,
    as_json,
    coco,
    labelme,
    read_people,
)

SHAPE = labelme()["shapes"][0]
POINT = {"label": "person", "points": [[1, 1]], "shape_type": "point"}


@pytest.mark.parametrize(
    ("name", "write", "remark"),
    [
        (
            "a.json",
            lambda path: as_json(path, [coco(), coco(bbox=[1, 2])]),
            "entry 1 is left out: 2 numbers; expected 4 for a box",
        ),
        ("a.json", lambda path: as_json(path, [coco(), {"image_id": 1}]), "entry 1 is left out: no 'bbox'"),
        (
            "a.json",
            lambda path: as_json(path, [coco(), coco({"a": 1})]),
            "entry 1 is left out: image_id {'a': 1}; expected a number",
        ),
        (
            "a.json",
            lambda path: as_json(path, [coco(), coco(score="high")]),
            "entry 1 is left out: the score 'high'; expected a number",
        ),
        (
            "a.json",
            lambda path: as_json(path, [BOX, [1, 2, 3]]),
            "box 1 is left out: 3 numbers; expected 4 for a box",
        ),
        (
            "a.csv",
            lambda path: path.write_text("100,40,120,200\n1,2,x,4\n"),
            "line 2 is left out: could not convert string to",
        ),
        (
            "a.txt",
            lambda path: path.write_text(f"{YOLO}\n0 0.5\n"),
            "line 2 is left out: 1 numbers; expected 4 for a box",
        ),
        (
            "a.json",
            lambda path: as_json(path, labelme(shapes=[SHAPE, SHAPE | {"score": "high"}])),
            "a.json: shape 1 is left out: the score 'high'; expected a number",
        ),
        (
            "a.json",
            lambda path: as_json(path, labelme(shapes=[SHAPE, POINT])),
            "a.json: shape 1 is left out: a point of 1 points has no bounding box",
        ),
    ],
)
def test_an_invalid_box_is_skipped_and_reported(
    name: str, write: Callable[[Path], object], remark: str, tmp_path: Path, image: Path
) -> None:
    path = tmp_path / name
    write(path)
    finder, ((box,),) = read_people(path, image)
    np.testing.assert_allclose(box, BOX, atol=1e-4)
    assert remark in finder.remarks[0]


def test_a_score_of_labelme_may_be_a_string(tmp_path: Path, image: Path) -> None:
    as_json(tmp_path / "a.json", labelme(shapes=[SHAPE | {"score": "0.9"}, SHAPE | {"score": "0.1"}]))
    assert read_people(tmp_path / "a.json", image, min_score=0.5)[1] == [[list(BOX)]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            "a,b,c,d\n1,2,3,4",
            "no columns of boxes in a, b, c, d; expected, for example, image, x, y, width,",
        ),
        ("a.csv", "1,2,3\n", "3 columns; expected x, y, width, height, optionally after an image name"),
        ("a.csv", "\n", "the file is empty; pass a table of boxes"),
        ("a.json", '{"a": 1}', "not a JSON list of boxes"),
        ("a.xml", "<annotation>", "not a Pascal VOC file: "),
        ("a.xml", "<a/>", "no <annotation> with <object> and <bndbox>"),
        (
            "a.xml",
            '<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>',
            "XML entities are not supported",
        ),
        ("none.json", None, r"none\.json: no such file; pass a file or folder of boxes"),
    ],
)
def test_a_file_without_boxes_is_refused(
    name: str, content: str | None, message: str, tmp_path: Path, image: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_people(tmp_path / name, image)


def _folder(path: Path, *names: str) -> None:
    path.mkdir()
    for name in names:
        (path / name).touch()


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        (
            "a.npy",
            lambda path: np.save(path, np.zeros((3, 7))),
            r"an array of float64 \(3, 7\); expected \(boxes, 4\), or \(boxes, 5\) with scores",
        ),
        ("empty", _folder, r"empty: none among 0 files; expected either YOLO labels"),
        (
            "two kinds",
            lambda path: _folder(path, "a.txt", "a.xml"),
            r"two kinds: \.txt and \.xml files; expected either",
        ),
    ],
)
def test_arrays_and_folders_without_boxes_are_refused(
    name: str, write: Callable[[Path], object], message: str, tmp_path: Path, image: Path
) -> None:
    write(tmp_path / name)
    with pytest.raises(InputError, match=message):
        read_people(tmp_path / name, image)


@pytest.mark.parametrize(
    "document",
    [
        annotations(images=5, categories=[[], {"id": "x"}])
        | {"annotations": [coco(None, category_id="person")]},
        annotations()
        | {"annotations": [*annotations()["annotations"], None, [], {"image_id": 7, "bbox": "x"}]},
        [coco(), coco("9" * 5000), coco(10**400), coco(True), coco(1, score="x"), 5],
        labelme(shapes=[*labelme()["shapes"], None, {"label": "person", "points": "12"}], imageWidth="x"),
    ],
)
def test_invalid_parts_of_json_are_skipped(document: Any, tmp_path: Path, image: Path) -> None:
    as_json(tmp_path / "boxes.json", document)
    _, ((box,),) = read_people(tmp_path / "boxes.json", image)
    np.testing.assert_allclose(box, BOX, atol=1e-4)


def test_an_array_that_is_not_read_is_named_boxes(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "a.npy", np.array([{"box": 1}], object))
    with pytest.raises(InputError, match=r"never unpickles; save the boxes as an array of numbers$"):
        read_people(tmp_path / "a.npy", image)
    monkeypatch.setattr(npy_files, "MAX_ARRAY_BYTES", 100)
    np.save(tmp_path / "a.npy", np.ones((4, 4)))
    with pytest.raises(
        InputError, match=r"128 bytes according to its header, but an array of boxes may have at most 100$"
    ):
        read_people(tmp_path / "a.npy", image)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "<a>" * 300 + "</a>" * 300,
            "an element at depth 201 with a name of 1 characters; expected at most depth 200",
        ),
        (f"<{'n' * 200}/>", "a name of 200 characters; expected at most depth 200 and 100"),
        ("<!-- " + "x" * 1001 + " -->", "1,035 bytes, but a Pascal VOC file may have at most 1,000"),
    ],
    ids=["depth", "a name", "bytes"],
)
def test_xml_that_is_too_deep_or_too_large_is_refused(
    content: str, message: str, tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of 60,000 nested elements once took 7 GB of memory."""
    monkeypatch.setattr(voc, "MAX_VOC_BYTES", 1000 if "<!--" in content else voc.MAX_VOC_BYTES)
    (tmp_path / "a.xml").write_text(f"<annotation>{content}</annotation>")
    with pytest.raises(InputError, match=message):
        read_people(tmp_path / "a.xml", image)
