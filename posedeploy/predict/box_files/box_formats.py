"""Detect the format of a file or folder of boxes, by its content."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from posedeploy.content_kinds import NPY
from posedeploy.errors import InputError
from posedeploy.input_files import check_regular, is_apple_double
from posedeploy.npy_files import load_npy
from posedeploy.predict.box_files.box_content import Box, ImageKey, RawBoxes, Size, collect, numbers_of
from posedeploy.predict.box_files.box_documents import read_document
from posedeploy.predict.box_files.box_tables import read_table
from posedeploy.predict.box_files.voc import read_annotation
from posedeploy.predict.box_files.yolo import CLASSES, is_labels, read_all, read_labels
from posedeploy.text_files import decode
from posedeploy.types import Array

WHAT = "a file or folder of boxes"
HEAD_BYTES = 1 << 16
"""Number of bytes read to detect the format."""

FOLDERS: Mapping[str, Callable[[Sequence[Path], str], RawBoxes]] = {
    ".txt": read_all,
    ".json": lambda files, source: merge([read_document(file) for file in files]),
    ".xml": lambda files, source: merge([read_annotation(file) for file in files]),
}
"""The reader of the files of a folder, by their suffix."""


def read_raw(path: Path) -> RawBoxes:
    """Return the boxes of a file, or of a folder with a file for each image.

    Raises:
        InputError: the file cannot be read, or its format is unknown.
    """
    if path.is_dir():
        return _read_folder(path)
    head = _head(path)
    if head.startswith(NPY):
        return _read_array(load_npy(path, WHAT, "boxes"), path)
    text = decode(head, path, WHAT, replace=True)  # the last character may be incomplete
    begin = text.lstrip()[:1]
    if begin in ("[", "{") or path.suffix.lower() == ".json":
        return read_document(path)
    if begin == "<" and path.suffix.lower() == ".xml":
        return read_annotation(path)
    if is_labels(text) or (path.suffix.lower() == ".txt" and not begin):
        return read_labels(path)
    return read_table(path)


def _head(path: Path) -> bytes:
    check_regular(path, WHAT)
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); pass {WHAT}") from error


def merge(parts: Sequence[RawBoxes]) -> RawBoxes:
    """Return the boxes of several files, each for different images, as one."""
    by_image: dict[ImageKey, list[Box]] = {}
    sizes: dict[ImageKey, Size] = {}
    for part in parts:
        for key, boxes in part.by_image.items():
            by_image.setdefault(key, []).extend(boxes)
        sizes |= part.sizes
    first = parts[0]
    if len({part.box_format for part in parts}) > 1:
        raise InputError("the folder has files of different formats; use a folder for each format")
    remarks = tuple(remark for part in parts for remark in part.remarks)
    return RawBoxes(by_image, first.box_format, first.person_labels, first.first_number, sizes, remarks)


def _read_array(array: Array, path: Path) -> RawBoxes:
    if array.dtype.kind not in "iuf" or array.ndim != 2 or array.shape[1] not in (4, 5):
        raise InputError(
            f"{path}: an array of {array.dtype} {array.shape}; expected (boxes, 4), or (boxes, 5) with scores"
        )
    entries = (
        (f"row {index}", partial(_read_row, row, f"row {index}")) for index, row in enumerate(array.tolist())
    )
    by_image, remarks = collect(entries, path.name)
    return RawBoxes(by_image or {None: []}, remarks=tuple(remarks))


def _read_row(row: list[float], where: str) -> tuple[ImageKey, Box]:
    return None, Box(numbers_of(row[:4]), where, None, row[4] if len(row) == 5 else None)


def _read_folder(folder: Path) -> RawBoxes:
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not is_apple_double(path))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); pass {WHAT}") from error
    files = [file for file in files if file.name not in CLASSES]
    kinds = {suffix: [file for file in files if file.suffix.lower() == suffix] for suffix in FOLDERS}
    suffixes = [suffix for suffix, matching in kinds.items() if matching]
    if len(suffixes) != 1:
        content = f"{' and '.join(suffixes)} files" if suffixes else f"none among {len(files)} files"
        raise InputError(
            f"{folder}: {content}; expected either YOLO labels (.txt), LabelMe files (.json) or Pascal VOC "
            "files (.xml)"
        )
    try:
        return FOLDERS[suffixes[0]](kinds[suffixes[0]], folder.name)
    except InputError as error:
        raise InputError(str(error) if str(folder) in str(error) else f"{folder}: {error}") from error
