"""Readers of joints, boxes, annotations and cameras."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from posedeploy.benchmarks.annotations import read_annotations
from posedeploy.predict.box_files.box_content import BoxOptions
from posedeploy.predict.boxes import read_boxes
from posedeploy.predict.camera import camera_warnings, read_camera
from posedeploy.predict.frames import Frame
from posedeploy.predict.joint_files.joint_source import JointsFile, JointsOptions
from posedeploy.predict.sources import open_source
from tools.fuzz.seeds.people import boxes_labels, joints_documents


def joints(path: Path) -> None:
    """Read a file of 2D joints and prepare the people for a network."""
    for is_sequence in (False, True):
        with JointsFile(path, JointsOptions(is_sequence=is_sequence)) as opened:
            numbers = opened.content.people
            assert numbers.ndim == 3
            _ = opened.numbers, opened.fps


def boxes(path: Path) -> None:
    """Read a file of boxes for an image."""
    with _photo() as image, open_source(str(image)) as photo:
        find = read_boxes(path, photo, BoxOptions()).find
        find(Frame("a.png", np.zeros((480, 640, 3), np.uint8), 0))


def coco_annotations(path: Path) -> None:
    """Read COCO's annotations of images."""
    read_annotations(path)


def extrinsics(path: Path) -> None:
    """Read the user's camera."""
    camera_warnings(read_camera(700.0, path), [640])


def joints_folder(path: Path) -> None:
    """Read a folder of files of joints, one of which is valid."""
    with _folder(
        **{"a_000000000000_keypoints.json": joints_documents()[0], "b.json": path.read_bytes()}
    ) as folder:
        joints(folder)


def boxes_folder(path: Path) -> None:
    """Read a folder of YOLO labels, one of which is valid."""
    with _folder(**{"a.txt": path.read_bytes(), "b.txt": boxes_labels()[0]}) as folder:
        boxes(folder)


def classes(path: Path) -> None:
    """Read a folder of YOLO labels with the names of the classes."""
    with _folder(**{"a.txt": boxes_labels()[0], "classes.txt": path.read_bytes()}) as folder:
        boxes(folder)


@contextmanager
def _folder(**contents: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in contents.items():
            Path(folder, name).write_bytes(content)
        yield Path(folder)


@contextmanager
def _photo() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.png")
        path.write_bytes(_blank())
        yield path


@cache
def _blank() -> bytes:
    encoded: bytes = cv2.imencode(".png", np.zeros((480, 640, 3), np.uint8))[1].tobytes()
    return encoded
