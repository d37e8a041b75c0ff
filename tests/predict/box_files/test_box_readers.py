"""The same boxes are read from every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.types import Array
from tests.predict.box_files.box_writers import (
    BOX,
    FILES,
    OTHER,
    VOC,
    YOLO,
    as_json,
    coco,
    labelme,
    read_people,
)
from tests.predict.conftest import write_image


@pytest.mark.parametrize("form", FILES)
def test_the_same_box_is_read_from_every_format(form: str, tmp_path: Path, image: Path) -> None:
    name, write = FILES[form]
    (tmp_path / "boxes").mkdir()
    path = tmp_path / "boxes" / name
    write(path)
    _, ((box, *others),) = read_people(path, image)
    np.testing.assert_allclose(box, BOX, atol=0.2 if "polygon" in form else 1e-4)
    assert not others


@pytest.mark.parametrize("suffix", [".txt", ".json", ".xml"])
def test_a_folder_with_a_file_for_each_image_is_read(suffix: str, tmp_path: Path, photo: Array) -> None:
    images, boxes = tmp_path / "images", tmp_path / "labels"
    images.mkdir()
    boxes.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        write_image(images / name, photo)
    write = {
        ".txt": lambda path: path.write_text("" if path.stem == "c" else YOLO),
        ".json": lambda path: as_json(
            path, labelme(imagePath=f"{path.stem}.png", **({"shapes": []} if path.stem == "c" else {}))
        ),
        ".xml": lambda path: path.write_text(
            VOC.replace("a.png", f"{path.stem}.png").replace(
                "<name>person", "<name>dog" if path.stem == "c" else "<name>person"
            )
        ),
    }[suffix]
    for name in ("a", "c", "z"):
        write(boxes / f"{name}{suffix}")
    finder, people = read_people(boxes, images)
    assert [len(each) for each in people] == [1, 0, 0]
    np.testing.assert_allclose(people[0][0], BOX, atol=1e-4)
    remarks = [remark for remark in finder.remarks if "other label" not in remark]
    extra = "z" if suffix == ".txt" else "z.png"
    assert remarks == [
        f"labels: boxes for images that images does not have: {extra}",
        "labels: no boxes for b.png, so no people are found in them",
    ]


def test_a_file_of_classes_names_the_yolo_labels(tmp_path: Path, image: Path) -> None:
    boxes = tmp_path / "labels"
    boxes.mkdir()
    (boxes / "classes.txt").write_text("dog\nPerson\n")
    (boxes / "a.txt").write_text(f"0 0.5 0.5 0.1 0.1\n1{YOLO[1:]}\n")
    finder, ((box,),) = read_people(boxes, image)
    np.testing.assert_allclose(box, BOX, atol=1e-4)
    assert finder.remarks == ["labels: 1 box with other labels ignored"]
    (boxes / "classes.txt").write_text("dog\ncat\n")
    with pytest.raises(
        InputError, match=r"labeled person; its labels are cat \(1 box\), dog \(1 box\); pass the label of"
    ):
        read_people(boxes, image)
    _, ((box,),) = read_people(boxes, image, label="CAT")
    np.testing.assert_allclose(box, BOX, atol=1e-4)


def test_boxes_are_chosen_by_label_and_score(tmp_path: Path, image: Path) -> None:
    path = tmp_path / "boxes.json"
    as_json(path, [coco(), coco(score=0.2), coco(category_id=2, bbox=list(OTHER))])
    finder, ((one, two),) = read_people(path, image)
    assert one == two == list(BOX)
    assert finder.remarks == ["boxes.json: 1 box with other labels ignored"]
    assert read_people(path, image, min_score=0.5)[1] == [[list(BOX)]]
    assert read_people(path, image, label="2")[1] == [[list(OTHER)]]
    as_json(path, [coco(score=-0.5), coco(score=0), coco(score=float("nan"))])
    assert [len(read_people(path, image, min_score=score)[1][0]) for score in (None, -1, 0, 1)] == [
        3,
        2,
        1,
        0,
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_score": float("inf")}, r"`box_score=inf`: expected a number, like the scores in boxes\.json"),
        ({"min_score": 0.5}, r"`box_score=0\.5`: boxes\.json has no scores; leave it out"),
        ({"label": "person"}, r"`box_label=person`: boxes\.json has no labels; leave it out"),
    ],
)
def test_a_filter_on_missing_scores_or_labels_is_refused(
    options: dict[str, Any], message: str, tmp_path: Path, image: Path
) -> None:
    as_json(tmp_path / "boxes.json", [BOX])
    with pytest.raises(InputError, match=message):
        read_people(tmp_path / "boxes.json", image, **options)


def test_coco_ids_are_matched_with_numbers_in_names(tmp_path: Path, photo: Array) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("000000000139.png", "000000000285.png"):
        write_image(images / name, photo)
    path = tmp_path / "boxes.json"
    as_json(path, [coco(285), coco(999)])
    finder, people = read_people(path, images)
    assert people == [[], [list(BOX)]]
    assert "boxes for images that images does not have: 999" in finder.remarks[0]
    as_json(path, [coco(1), coco(2)])
    with pytest.raises(
        InputError, match=r"its boxes are for 1, 2, not for images .*; its numbers are image ids"
    ):
        read_people(path, images)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_long_file_is_read_completely(tmp_path: Path, image: Path, encoding: str) -> None:
    boxes = [{"image": "a.png", "boxes": [list(BOX)], "note": "é" * 40_001}]
    (tmp_path / "a.json").write_text(json.dumps(boxes, ensure_ascii=False), encoding=encoding)
    assert read_people(tmp_path / "a.json", image)[1] == [[list(BOX)]]
