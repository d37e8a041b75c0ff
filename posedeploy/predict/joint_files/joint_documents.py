"""Joints in JSON: detection of the form of a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from posedeploy.errors import InputError
from posedeploy.limits import MAX_JSON_BYTES
from posedeploy.predict.coco_tables import ENTRY_ERRORS, call_reader
from posedeploy.predict.joint_files.coco_joints import (
    is_annotations,
    is_results,
    read_annotations,
    read_results,
)
from posedeploy.predict.joint_files.entries import Document, array_of
from posedeploy.predict.joint_files.estimators import (
    is_by_name,
    is_mmpose,
    is_openpose,
    read_by_name,
    read_mmpose,
    read_openpose,
)
from posedeploy.predict.joint_files.joint_arrays import from_array, from_arrays
from posedeploy.predict.joint_files.joint_content import FileFrame, RawJoints, frame_numbers, sort_frames
from posedeploy.text_files import read_json

WHAT = "a JSON file of 2D joints"
HINT = (
    "expected an OpenPose file, COCO results or annotations, poses.json, AlphaPose or MMPose results, or "
    "lists of numbers"
)

Reader: TypeAlias = Callable[[Document, Path], RawJoints]


def read_document(path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    """Return the joints of a JSON file.

    Raises:
        InputError: the file cannot be read, or its form is unknown.
    """
    document = read_json(path, WHAT, hint=HINT, max_bytes=MAX_JSON_BYTES, nan=True)

    def make_error(reason: str) -> InputError:
        return InputError(f"{path}: {reason}; {HINT}")

    for form, is_it, read in FORMS:
        if is_it(document):
            if key is not None:
                raise InputError(f"`joints_key={key}`: {path} has no named arrays ({form}); leave it out")
            return call_reader(partial(read, document, path), form, make_error)
    if isinstance(document, list):
        if key is not None:
            raise InputError(f"`joints_key={key}`: {path} is a list without a name; leave it out")
        read_list = partial(_read_list, document, path, sequence=sequence)
        return call_reader(read_list, "list of joints", make_error)
    if isinstance(document, dict) and any(isinstance(each, list) for each in document.values()):
        return _read_arrays(document, path, key, sequence=sequence)
    raise InputError(f"{path}: unknown form of joints; {HINT}")


def read_folder(folder: Path, files: Sequence[Path]) -> RawJoints:
    """Return the joints of a folder of OpenPose files, one for each frame. Other JSON files are left out.

    Raises:
        InputError: no file is an OpenPose file.
    """
    frames: list[FileFrame] = []
    remarks: list[str] = []
    set_name = None
    for file in files:
        try:
            document = read_json(file, WHAT, hint=HINT, nan=True)
            if not is_openpose(document):
                raise InputError(f"{file}: not an OpenPose file")
            raw = read_openpose(document, file)
        except InputError as error:
            remarks.append(f"{error}; left out")
            continue
        set_name = set_name or raw.set_name
        frames += raw.frames
        remarks += raw.remarks
    if not frames:
        raise InputError(
            f"{folder}: none of its {len(files)} JSON files is an OpenPose file; pass a file, or a folder of "
            "OpenPose files" + "".join(f"; {remark}" for remark in remarks[:1])
        )
    numbers = frame_numbers([frame.name for frame in frames])
    numbered = [replace(frame, number=number) for frame, number in zip(frames, numbers, strict=True)]
    return RawJoints(sort_frames(numbered), None, set_name, remarks=tuple(remarks))


def _read_list(document: Document, path: Path, *, sequence: bool) -> RawJoints:
    return from_array(array_of(document), path.name, sequence=sequence)


def _read_arrays(document: Document, path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    arrays, refusals = {}, {}
    for name, value in document.items():
        try:
            arrays[name] = array_of(value)
        except ENTRY_ERRORS:
            refusals[name] = "is not an array of numbers"
    shapes = {name: array.shape for name, array in arrays.items()}
    return from_arrays(shapes, arrays.__getitem__, path, key, refusals, sequence=sequence)


FORMS: tuple[tuple[str, Callable[[Document], bool], Reader], ...] = (
    ("OpenPose file", is_openpose, read_openpose),
    ("COCO annotations", is_annotations, read_annotations),
    ("COCO results", is_results, read_results),
    ("MMPose predictions", is_mmpose, read_mmpose),
    ("AlphaPose results by image", is_by_name, read_by_name),
)
"""Name, test and reader of each form; the first one that matches is used. Other documents are arrays."""
