"""Files of boxes in every format, as people have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy import npy_files
from posedeploy.errors import InputError
from posedeploy.predict.box_files import voc
from posedeploy.predict.box_files.box_content import BoxOptions
from posedeploy.predict.boxes import PersonSource, read_boxes
from posedeploy.predict.sources import open_source
from posedeploy.types import Array
from tests.predict.conftest import HEIGHT, WIDTH, write_image

BOX, OTHER = (100.0, 40.0, 120.0, 200.0), (10.0, 20.0, 50.0, 60.0)
XYXY = (100.0, 40.0, 220.0, 240.0)
YOLO = f"0 {160 / WIDTH} {140 / HEIGHT} {120 / WIDTH} {200 / HEIGHT}"


def as_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


def coco(image_id: Any = 1, **more: Any) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": 1, "bbox": list(BOX), "score": 0.9} | more


def annotations(**more: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "train/a.png", "width": WIDTH, "height": HEIGHT}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": list(BOX)},
            {"id": 2, "image_id": 7, "category_id": 4, "bbox": list(OTHER)},
        ],
        "categories": [{"id": 3, "name": "Person"}, {"id": 4, "name": "dog"}],
    } | more


def labelme(**more: Any) -> dict[str, Any]:
    shape = {"label": "person", "points": [[220, 40], [100, 240]], "shape_type": "rectangle"}
    return {
        "version": "5.4.1",
        "shapes": [shape, {"label": "car", "points": [[1, 1], [9, 9]], "shape_type": "rectangle"}],
        "imagePath": "..\\photos\\a.png",
        "imageWidth": WIDTH,
        "imageHeight": HEIGHT,
    } | more


VOC = f"""<annotation><filename>a.png</filename><size><width>{WIDTH}</width><height>{HEIGHT}</height></size>
<object><name>person</name><part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>
</bndbox></part><bndbox><xmin>100</xmin><ymin>40</ymin><xmax>220</xmax><ymax>240</ymax></bndbox></object>
<object><name>dog</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
</annotation>"""

FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "plain": ("a.json", lambda path: as_json(path, [BOX])),
    "plain with a score": ("a.json", lambda path: as_json(path, [[*BOX, 0.9]])),
    "by name": ("a.json", lambda path: as_json(path, [{"image": "a.png", "boxes": [BOX]}])),
    "by a path": ("a.json", lambda path: as_json(path, [{"image": "photos/a.png", "boxes": [BOX]}])),
    "COCO results": ("a.json", lambda path: as_json(path, [coco(), coco(category_id=2)])),
    "COCO results by name": ("a.json", lambda path: as_json(path, [coco("a.png")])),
    "COCO annotations": ("a.json", lambda path: as_json(path, annotations())),
    "COCO in UTF-16": ("a.json", lambda path: path.write_bytes(json.dumps(annotations()).encode("utf-16"))),
    "LabelMe": ("a.json", lambda path: as_json(path, labelme())),
    "Pascal VOC": ("a.xml", lambda path: path.write_text(VOC)),
    "YOLO": ("a.txt", lambda path: path.write_text(f"{YOLO}\n2 0.5 0.5 0.1 0.1\n")),
    "YOLO with a score": ("a.txt", lambda path: path.write_text(f"{YOLO} 0.93\r\n")),
    "YOLO with keypoints": ("a.txt", lambda path: path.write_text(f"{YOLO} 0.5 0.5 2 0.4 0.4 1\n")),
    "YOLO's polygons": (
        "a.txt",
        lambda path: path.write_text(
            "0 "
            + " ".join(f"{x / WIDTH} {y / HEIGHT}" for x, y in ((100, 40), (220, 50), (210, 240), (99.9, 99)))
        ),
    ),
    "CSV": ("a.csv", lambda path: path.write_text("100,40,120,200\n")),
    "CSV with a score": ("a.csv", lambda path: path.write_text("100;40;120;200;0.9\n")),
    "CSV by name": ("a.csv", lambda path: path.write_text("a.png,100,40,120,200\n")),
    "CSV, decimal commas": ("a.csv", lambda path: path.write_text("100,0;40,0;120,0;200,0\n")),
    "table": ("a.txt", lambda path: path.write_text("100 40 120 200\n")),
    "header, xywh": ("a.csv", lambda path: path.write_text("image,x,y,width,height\na.png,100,40,120,200\n")),
    "header, xyxy": (
        "a.csv",
        lambda path: path.write_text(
            f"filename,width,height,class,xmin,ymin,xmax,ymax\na.png,{WIDTH},{HEIGHT},person,100,40,220,240\n"
            "a.png,1,1,dog,1,1,9,9\n"
        ),
    ),
    "header, cxcywh": ("a.csv", lambda path: path.write_text("cx;cy;w;h;score\n160;140;120;200;1\n")),
    "header, normalized": (
        "a.csv",
        lambda path: path.write_text(
            "file,x_center,y_center,width,height\na.png," + YOLO[2:].replace(" ", ",")
        ),
    ),
    "array": ("a.npy", lambda path: np.save(path, np.array([BOX]))),
    "array with scores": ("a.npy", lambda path: np.save(path, np.array([(*BOX, 0.9)], np.float32))),
}


def found(path: Path, image: Path, **options: Any) -> tuple[PersonSource, list[list[list[float]]]]:
    source = open_source(str(image))
    finder = read_boxes(path, source, BoxOptions(**options))
    return finder, [finder.find(frame).round(6).tolist() for frame in source]


@pytest.fixture
def image(tmp_path: Path, photo: Array) -> Path:
    return write_image(tmp_path / "a.png", photo)


@pytest.mark.parametrize("form", FILES)
def test_every_format_gives_the_same_box(form: str, tmp_path: Path, image: Path) -> None:
    name, write = FILES[form]
    (tmp_path / "boxes").mkdir()
    path = tmp_path / "boxes" / name
    write(path)
    _, ((box, *others),) = found(path, image)
    np.testing.assert_allclose(box, BOX, atol=0.2 if "polygon" in form else 1e-4)
    assert not others


@pytest.mark.parametrize("suffix", [".txt", ".json", ".xml"])
def test_a_folder_has_a_file_for_each_image(suffix: str, tmp_path: Path, photo: Array) -> None:
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
    finder, people = found(boxes, images)
    assert [len(each) for each in people] == [1, 0, 0]
    np.testing.assert_allclose(people[0][0], BOX, atol=1e-4)
    told = [remark for remark in finder.remarks if "other label" not in remark]
    extra = "z" if suffix == ".txt" else "z.png"
    assert told == [
        f"labels: boxes for images that images does not have: {extra}",
        "labels: no boxes for b.png, so nobody is found there",
    ]


def test_classes_beside_yolos_labels_say_who_is_a_person(tmp_path: Path, image: Path) -> None:
    boxes = tmp_path / "labels"
    boxes.mkdir()
    (boxes / "classes.txt").write_text("dog\nPerson\n")
    (boxes / "a.txt").write_text(f"0 0.5 0.5 0.1 0.1\n1{YOLO[1:]}\n")
    finder, ((box,),) = found(boxes, image)
    np.testing.assert_allclose(box, BOX, atol=1e-4)
    assert finder.remarks == ["labels: 1 box with other labels ignored"]
    (boxes / "classes.txt").write_text("dog\ncat\n")
    with pytest.raises(
        InputError, match=r"labeled person; its labels are cat \(1 box\), dog \(1 box\): name the label of"
    ):
        found(boxes, image)
    _, ((box,),) = found(boxes, image, label="CAT")
    np.testing.assert_allclose(box, BOX, atol=1e-4)


def test_the_label_and_the_least_score_may_be_said(tmp_path: Path, image: Path) -> None:
    path = tmp_path / "boxes.json"
    as_json(path, [coco(), coco(score=0.2), coco(category_id=2, bbox=list(OTHER))])
    finder, ((one, two),) = found(path, image)
    assert one == two == list(BOX)
    assert finder.remarks == ["boxes.json: 1 box with other labels ignored"]
    assert found(path, image, min_score=0.5)[1] == [[list(BOX)]]
    assert found(path, image, label="2")[1] == [[list(OTHER)]]
    as_json(path, [BOX])
    for options, message in (
        ({"min_score": 0.5}, r"`box_score=0\.5`: boxes\.json has no scores; leave it out"),
        ({"label": "person"}, r"`box_label=person`: boxes\.json has no labels; leave it out"),
    ):
        with pytest.raises(InputError, match=message):
            found(path, image, **options)


def test_coco_ids_are_the_numbers_of_names(tmp_path: Path, photo: Array) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("000000000139.png", "000000000285.png"):
        write_image(images / name, photo)
    path = tmp_path / "boxes.json"
    as_json(path, [coco(285), coco(999)])
    finder, people = found(path, images)
    assert people == [[], [list(BOX)]]
    assert "boxes for images that images does not have: 999" in finder.remarks[0]
    as_json(path, [coco(1), coco(2)])
    with pytest.raises(
        InputError, match=r"its boxes are for 1, 2, not for images .*; its numbers are image ids"
    ):
        found(path, images)


def test_what_is_no_box_is_left_out_and_told(tmp_path: Path, image: Path) -> None:
    for name, write, remark in (
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
    ):
        path = tmp_path / name
        write(path)
        finder, ((box,),) = found(path, image)
        np.testing.assert_allclose(box, BOX, atol=1e-4)
        assert remark in finder.remarks[0]
    shape = labelme()["shapes"][0]
    as_json(tmp_path / "a.json", labelme(shapes=[shape | {"score": "0.9"}, shape | {"score": "high"}]))
    finder, ((box,),) = found(tmp_path / "a.json", image, min_score=0.5)
    assert finder.remarks[0] == "a.json: shape 1 is left out: the score 'high'; expected a number"
    shapes = [*labelme()["shapes"], {"label": "person", "points": [[1, 1]], "shape_type": "point"}]
    as_json(tmp_path / "a.json", labelme(shapes=shapes))
    finder, ((box,),) = found(tmp_path / "a.json", image)
    assert finder.remarks[0] == "a.json: shape 2 is left out: a point of 1 points has no bounding box"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            "a,b,c,d\n1,2,3,4",
            "no columns of boxes in a, b, c, d; expected, for example, image, x, y, width,",
        ),
        ("a.csv", "1,2,3\n", "3 columns; expected x, y, width, height, optionally after an image name"),
        ("a.csv", "\n", "the file is empty; name a table of boxes"),
        ("a.json", '{"a": 1}', "not a JSON list of boxes"),
        ("a.xml", "<annotation>", "not a Pascal VOC file: "),
        ("a.xml", "<a/>", "no <annotation> with <object> and <bndbox>"),
        (
            "a.xml",
            '<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>',
            "XML entities are not supported",
        ),
        ("none.json", None, r"none\.json: no such file; name a file or folder of boxes"),
    ],
)
def test_what_is_no_file_of_boxes_is_refused(
    name: str, content: str | None, message: str, tmp_path: Path, image: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        found(tmp_path / name, image)


def test_arrays_and_folders_of_other_things_are_refused(tmp_path: Path, image: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 7)))
    with pytest.raises(
        InputError, match=r"an array of float64 \(3, 7\); expected \(boxes, 4\), or \(boxes, 5\) with scores"
    ):
        found(tmp_path / "a.npy", image)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: none among 0 files; expected either YOLO labels"):
        found(tmp_path / "empty", image)
    (tmp_path / "empty" / "a.txt").write_text(YOLO)
    (tmp_path / "empty" / "a.xml").write_text(VOC)
    with pytest.raises(InputError, match=r"empty: \.txt and \.xml files; expected either"):
        found(tmp_path / "empty", image)


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
def test_odd_parts_of_json_do_not_stop_the_rest(document: Any, tmp_path: Path, image: Path) -> None:
    as_json(tmp_path / "boxes.json", document)
    _, ((box,),) = found(tmp_path / "boxes.json", image)
    np.testing.assert_allclose(box, BOX, atol=1e-4)


def test_an_array_that_is_not_read_is_called_boxes(
    tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "a.npy", np.array([{"box": 1}], object))
    with pytest.raises(InputError, match=r"never unpickles; save the boxes as an array of numbers$"):
        found(tmp_path / "a.npy", image)
    monkeypatch.setattr(npy_files, "MAX_ARRAY_BYTES", 100)
    np.save(tmp_path / "a.npy", np.ones((4, 4)))
    with pytest.raises(InputError, match=r"128 bytes by its header, and an array of boxes may have 100$"):
        found(tmp_path / "a.npy", image)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_a_file_longer_than_what_tells_its_format_is_read_whole(
    tmp_path: Path, image: Path, encoding: str
) -> None:
    boxes = [{"image": "a.png", "boxes": [list(BOX)], "note": "é" * 40_001}]
    (tmp_path / "a.json").write_text(json.dumps(boxes, ensure_ascii=False), encoding=encoding)
    assert found(tmp_path / "a.json", image)[1] == [[list(BOX)]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "<a>" * 300 + "</a>" * 300,
            "an element at depth 201 with a name of 1 characters; expected at most depth 200",
        ),
        (f"<{'n' * 200}/>", "a name of 200 characters; expected at most depth 200 and 100"),
        ("<!-- " + "x" * 1001 + " -->", "1,035 bytes, and a Pascal VOC file may have 1,000"),
    ],
    ids=["depth", "a name", "bytes"],
)
def test_xml_that_would_fill_the_memory_is_refused(
    content: str, message: str, tmp_path: Path, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The places of 60,000 elements inside each other had 7 GB."""
    monkeypatch.setattr(voc, "MAX_VOC_BYTES", 1000 if "<!--" in content else voc.MAX_VOC_BYTES)
    (tmp_path / "a.xml").write_text(f"<annotation>{content}</annotation>")
    with pytest.raises(InputError, match=message):
        found(tmp_path / "a.xml", image)
