"""Writers of the same people in every format of joints, and a reader."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from posedeploy.poses.file_joint_sets import KNOWN_SETS
from posedeploy.predict.joint_files.joint_content import JointsContent, gather
from posedeploy.predict.joint_files.joint_formats import read_joints
from posedeploy.types import Array
from tests.support.bodies import synthetic_people

PEOPLE = synthetic_people("coco-17", 3, scored=True).round(3)
NAMES = KNOWN_SETS["coco-17"].joints


def read(path: Path, key: str | None = None, *, sequence: bool = False) -> JointsContent:
    return gather(read_joints(path, key, sequence=sequence), path.name)


def as_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


def flat(person: Array) -> list[float]:
    values: list[float] = person.ravel().tolist()
    return values


def openpose(people: Array) -> dict[str, Any]:
    return {
        "version": 1.3,
        "people": [{"person_id": [-1], "pose_keypoints_2d": flat(each)} for each in people],
    }


def results(image: Any = 7) -> list[dict[str, Any]]:
    return [{"image_id": image, "category_id": 1, "keypoints": flat(each), "score": 0.9} for each in PEOPLE]


def annotations() -> dict[str, Any]:
    names = [name.replace("l_", "left_", 1).replace("r_", "right_", 1) for name in NAMES]
    people = [
        {"id": 5 + index, "image_id": 1, "category_id": 1, "keypoints": flat(each)}
        for index, each in enumerate(PEOPLE)
    ]
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}],
        "annotations": [*people, {"id": 9, "image_id": 1, "category_id": 3, "bbox": [0, 0, 5, 5]}],
        "categories": [{"id": 1, "name": "person", "keypoints": names}],
    }


def wide(separator: str = ",", title: str = "{}_{}") -> str:
    header = [title.format(name, axis) for name in NAMES for axis in ("x", "y", "score")]
    rows = [header, *([str(value) for value in flat(each)] for each in PEOPLE)]
    return "\n".join(separator.join(row) for row in rows)


def long() -> str:
    rows = [
        f"{person},{name},{x},{y},{score}"
        for person, joints in enumerate(PEOPLE)
        for name, (x, y, score) in zip(NAMES, joints.tolist(), strict=True)
    ]
    return "\n".join(["person,joint,x,y,score", *rows])


def mat(path: Path, **content: Any) -> None:
    scipy.io.savemat(path, content)


WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "npy": ("a.npy", lambda path: np.save(path, PEOPLE)),
    "npy without a suffix": ("joints", lambda path: path.write_bytes(npy_bytes(PEOPLE))),
    "npy, rows": ("a.npy", lambda path: np.save(path, PEOPLE.reshape(3, -1))),
    "npy, Fortran order": ("a.npy", lambda path: np.save(path, np.asfortranarray(PEOPLE))),
    "npz": ("a.npz", lambda path: np.savez(path, keypoints=PEOPLE, ids=np.arange(3))),
    "npz, compressed": ("a.npz", lambda path: np.savez_compressed(path, PEOPLE)),
    "npz, separate scores": (
        "a.npz",
        lambda path: np.savez(path, pose=PEOPLE[..., :2], scores=PEOPLE[..., 2]),
    ),
    "npz with objects": ("a.npz", lambda path: np.savez(path, joints=PEOPLE, meta=np.array({}, object))),
    "mat": ("a.mat", lambda path: mat(path, joints=PEOPLE, name="x")),
    "mat, compressed": ("a.mat", lambda path: scipy.io.savemat(path, {"j": PEOPLE}, do_compression=True)),
    "csv, rows": ("a.csv", lambda path: np.savetxt(path, PEOPLE.reshape(3, -1), delimiter=",")),
    "csv, semicolons": ("a.csv", lambda path: np.savetxt(path, PEOPLE.reshape(3, -1), delimiter=";")),
    "txt, spaces": ("a.txt", lambda path: np.savetxt(path, PEOPLE.reshape(3, -1))),
    "tsv": ("a.tsv", lambda path: np.savetxt(path, PEOPLE.reshape(3, -1), delimiter="\t")),
    "csv, decimal commas": ("a.csv", lambda path: path.write_text(wide(";").replace(".", ","))),
    "csv with a header": ("a.csv", lambda path: path.write_text(wide())),
    "csv, x_nose": ("a.csv", lambda path: path.write_text(wide(title="{1}_{0}"))),
    "csv, nose.x": ("a.csv", lambda path: path.write_text(wide(title="{0}.{1}"))),
    "csv in UTF-16 with CRLF": (
        "a.csv",
        lambda path: path.write_bytes(wide().replace("\n", "\r\n").encode("utf-16")),
    ),
    "csv, a row for each joint": ("a.csv", lambda path: path.write_text(long())),
    "OpenPose": ("a.json", lambda path: as_json(path, openpose(PEOPLE))),
    "OpenPose with a byte order mark": (
        "a.json",
        lambda path: path.write_text(json.dumps(openpose(PEOPLE)), encoding="utf-8-sig"),
    ),
    "COCO results": ("a.json", lambda path: as_json(path, results())),
    "COCO annotations": ("a.json", lambda path: as_json(path, annotations())),
    "AlphaPose": ("a.json", lambda path: as_json(path, results("a.jpg"))),
    "AlphaPose, cmu": (
        "a.json",
        lambda path: as_json(path, {"a.jpg": {"bodies": [{"joints": flat(each)} for each in PEOPLE]}}),
    ),
    "AlphaPose, open": ("a.json", lambda path: as_json(path, {"a.jpg": openpose(PEOPLE)})),
    "MMPose": (
        "a.json",
        lambda path: as_json(
            path,
            [
                {
                    "keypoints": each[:, :2].tolist(),
                    "keypoint_scores": each[:, 2].tolist(),
                    "bbox": [[0, 0, 1, 1]],
                }
                for each in PEOPLE
            ],
        ),
    ),
    "MMPose, frames": (
        "a.json",
        lambda path: as_json(
            path,
            {
                "instance_info": [
                    {"frame_id": 1, "instances": [{"keypoints": each.tolist()} for each in PEOPLE]}
                ]
            },
        ),
    ),
    "list": ("a.json", lambda path: as_json(path, PEOPLE.tolist())),
    "list with a trailing comma": ("a.json", lambda path: path.write_text(f"{PEOPLE.tolist()}"[:-1] + ",]")),
    "lists by name": ("a.json", lambda path: as_json(path, {"joints": PEOPLE.tolist(), "fps": 30})),
}


def npy_bytes(array: Array) -> bytes:
    from io import BytesIO

    stream = BytesIO()
    np.save(stream, array)
    return stream.getvalue()
