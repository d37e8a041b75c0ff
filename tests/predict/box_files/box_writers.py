"""Writers of the same box in every format, and a reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from posedeploy.predict.box_files.box_content import BoxOptions
from posedeploy.predict.boxes import PersonSource, read_boxes
from posedeploy.predict.sources import open_source
from tests.predict.conftest import HEIGHT, WIDTH

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
    "YOLO polygons": (
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


def read_people(path: Path, image: Path, **options: Any) -> tuple[PersonSource, list[list[list[float]]]]:
    source = open_source(str(image))
    finder = read_boxes(path, source, BoxOptions(**options))
    return finder, [finder.find(frame).round(6).tolist() for frame in source]
