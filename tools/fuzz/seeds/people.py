"""Seeds of joints and boxes in every format, of COCO annotations and of extrinsics."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from tests.benchmarks import coco
from tests.predict.box_files.box_writers import FILES
from tests.predict.joint_files.joint_writers import WRITERS
from tests.support.bodies import synthetic_people
from tools.fuzz.seeds import all_written

MOT = "1,1,100,40,120,200,1,1,1\n1,2,10,20,50,60,0.5,1,1\n2,1,101,40,120,200,1,-1,-1,-1\n"
GROUND_TRUTH = {"R": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "t": [0, 0, 300]}


@cache
def _joints(*suffixes: str) -> list[bytes]:
    return all_written(each for each in WRITERS.values() if each[0].endswith(suffixes))


def joints_arrays() -> list[bytes]:
    """Return joints in ``.npy``."""
    return _joints(".npy")


def joints_archives() -> list[bytes]:
    """Return joints in ``.npz``."""
    return _joints(".npz")


def joints_matlab() -> list[bytes]:
    """Return joints in ``.mat``."""
    return _joints(".mat")


def joints_tables() -> list[bytes]:
    """Return joints in CSV and other tables."""
    return _joints(".csv", ".tsv", ".txt")


def joints_documents() -> list[bytes]:
    """Return joints in the JSON of each tool."""
    return _joints(".json")


@cache
def _boxes(*suffixes: str) -> list[bytes]:
    return all_written(each for each in FILES.values() if each[0].endswith(suffixes))


def boxes_documents() -> list[bytes]:
    """Return boxes in the JSON of each tool."""
    return _boxes(".json")


def boxes_tables() -> list[bytes]:
    """Return boxes in CSV, including MOTChallenge's."""
    return [*_boxes(".csv"), MOT.encode()]


def boxes_labels() -> list[bytes]:
    """Return boxes as YOLO labels."""
    return _boxes(".txt")


def boxes_xml() -> list[bytes]:
    """Return boxes in Pascal VOC XML."""
    return _boxes(".xml")


def boxes_arrays() -> list[bytes]:
    """Return boxes in ``.npy``."""
    return _boxes(".npy")


def classes() -> list[bytes]:
    """Return files of YOLO class names."""
    return [b"person\ndog\ncar\n"]


def coco_annotations() -> list[bytes]:
    """Return COCO annotations, as COCO and as other tools write them."""
    people = np.asarray(synthetic_people("coco-17", 2, scored=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.json")
        annotations = [coco.person(1, each, segmentation=[[0, 0, 5, 0, 5, 5]]) for each in people]
        plain = coco.write(path, {"a.jpg": (640, 480)}, annotations).read_bytes()
        bare = coco.write(
            path, {"a.jpg": (640, 480)}, annotations, categories=[{"id": 1, "name": "person"}]
        ).read_bytes()
        mask = {"size": [480, 640], "counts": [100, 50, 307050]}
        crowd = coco.person(1, people[0], segmentation=mask, iscrowd=1)
        return [plain, bare, coco.write(path, {"a.jpg": (640, 480)}, [crowd]).read_bytes()]


def extrinsics() -> list[bytes]:
    """Return rotations and translations of a camera, with the translation as a list and as a column."""
    return [json.dumps(GROUND_TRUTH).encode(), json.dumps(GROUND_TRUTH | {"t": [[0], [0], [300]]}).encode()]
