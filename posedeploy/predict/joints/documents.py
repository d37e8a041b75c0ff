"""Joints in JSON: OpenPose's file of a frame, COCO's results and annotations, our own ``poses.json``,
AlphaPose's three forms, MMPose's predictions, and plain lists of numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from posedeploy.errors import InputError
from posedeploy.predict.joints.arrays import from_array, from_arrays
from posedeploy.predict.joints.content import FileFrame, RawJoints, Record, in_order
from posedeploy.text_files import read_json
from posedeploy.types import Array

WHAT = "a JSON file of 2D joints"
MAX_BYTES = 512 << 20
HINT = (
    "wanted OpenPose's file of a frame, COCO results or annotations, poses.json, AlphaPose's or MMPose's "
    "results, or lists of numbers"
)
OPENPOSE = {18: "openpose18", 25: "body25", 15: "openpose-mpi15"}
"""OpenPose's models by their number of joints."""
COCO = {17: "coco-17", 19: "coco", 26: "halpe26", 133: "wholebody133"}
"""What results in COCO's form are of, by the number of joints: AlphaPose's and MMPose's are in it, too."""
PERSON = 1
"""COCO's number of the category person."""

Document: TypeAlias = Any
Reader: TypeAlias = Callable[[Document, Path, "Options"], RawJoints]
Options: TypeAlias = tuple[str | None, bool]
"""The array's name and whether the frames are one sequence."""


def read_document(path: Path, key: str | None, *, sequence: bool) -> RawJoints:
    """Return the joints of a JSON file.

    Raises:
        InputError: it cannot be read, or is of no known form.
    """
    document = read_json(path, WHAT, hint=HINT, max_bytes=MAX_BYTES, nan=True)
    for form, is_it, read in FORMS:
        if is_it(document):
            try:
                return read(document, path, (key, sequence))
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                raise InputError(
                    f"{path}: looks like {form}, and is not: {_reason(error)}; {HINT}"
                ) from error
    raise InputError(f"{path}: no known form of joints; {HINT}")


def read_folder(folder: Path, files: Sequence[Path]) -> RawJoints:
    """Return the joints of a folder of OpenPose's files, one for each frame; other JSON files are left out.

    Raises:
        InputError: none of them is OpenPose's.
    """
    frames: list[FileFrame] = []
    remarks: list[str] = []
    set_name = None
    for file in files:
        try:
            document = read_json(file, WHAT, hint=HINT, nan=True)
            if not _is_openpose(document):
                raise InputError(f"{file}: not OpenPose's file of a frame")
            raw = _openpose(document, file, (None, False))
        except InputError as error:
            remarks.append(f"{error}; left out")
            continue
        set_name = set_name or raw.set_name
        frames += raw.frames
        remarks += raw.remarks
    if not frames:
        raise InputError(
            f"{folder}: none of its {len(files)} JSON files is OpenPose's of a frame; name one file, or a "
            "folder of "
            "such files" + "".join(f"; {remark}" for remark in remarks[:1])
        )
    return RawJoints(in_order(frames), None, set_name, remarks=tuple(remarks))


def _is_openpose(document: Document) -> bool:
    return isinstance(document, dict) and isinstance(document.get("people"), list)


def _openpose(document: Document, path: Path, options: Options) -> RawJoints:
    remarks: list[str] = []
    people = list(_kept(document["people"], _openpose_person, "person", path.name, remarks))
    counts = {len(person.joints) for person in people}
    set_name = next((OPENPOSE[count] for count in counts if count in OPENPOSE), None)
    return RawJoints([FileFrame(path.name, people)], None, set_name, remarks=tuple(remarks))


def _openpose_person(person: Document) -> Array:
    keypoints = person.get("pose_keypoints_2d", person.get("pose_keypoints"))
    if keypoints is None:
        raise ValueError("no pose_keypoints_2d")
    return _numbers(keypoints)


def _is_coco(document: Document) -> bool:
    return isinstance(document, dict) and isinstance(document.get("annotations"), list)


def _coco(document: Document, path: Path, options: Options) -> RawJoints:
    remarks: list[str] = []
    entries = [entry for entry in document["annotations"] if entry.get("category_id", PERSON) == PERSON]
    _tell_others(len(document["annotations"]) - len(entries), path.name, remarks)
    by_image = _by_image(entries, _annotation, "annotation", path.name, remarks)
    images = {image["id"]: image for image in document.get("images", [])}
    empty: dict[Any, list[Record]] = {number: [] for number in images}
    frames = [
        FileFrame(
            str(images.get(number, {}).get("file_name", number)),
            people,
            images.get(number, {}).get("frame"),
            images.get(number, {}).get("time_s"),
            _size(images.get(number, {})),
        )
        for number, people in (empty | by_image).items()
    ]
    categories = [each for each in document.get("categories", []) if each.get("id", PERSON) == PERSON]
    names = tuple(categories[0].get("keypoints", ())) if categories else ()
    timed = any(frame.time_s is not None for frame in frames)
    return RawJoints(frames, names or None, _coco_set(by_image), timed, tuple(remarks))


def _annotation(entry: Document) -> Array:
    """COCO's visibility is 0, 1 or 2; our own files have the scores beside it."""
    joints = _numbers(entry["keypoints"])
    scores = entry.get("keypoint_scores")
    if scores is not None and joints.shape[1] == 3 and len(scores) == len(joints):
        joints[:, 2] = np.where(joints[:, 2] > 0, np.array(scores, np.float64), 0)
    return joints


def _is_results(document: Document) -> bool:
    return isinstance(document, list) and any(
        isinstance(each, dict) and "keypoints" in each for each in document
    )


def _results(document: Document, path: Path, options: Options) -> RawJoints:
    remarks: list[str] = []
    people = [each for each in document if isinstance(each, dict)]
    entries = [entry for entry in people if entry.get("category_id", PERSON) == PERSON]
    _tell_others(len(document) - len(entries), path.name, remarks)
    by_image = _by_image(entries, _result, "entry", path.name, remarks)
    frames = [
        FileFrame(
            str(name) if name is not None else path.name, people, name if isinstance(name, int) else None
        )
        for name, people in by_image.items()
    ]
    return RawJoints(in_order(frames), None, _coco_set(by_image), remarks=tuple(remarks))


def _result(entry: Document) -> Array:
    """Flat x, y, score, or pairs with ``keypoint_scores`` beside them."""
    joints = _numbers(entry["keypoints"])
    scores = entry.get("keypoint_scores")
    if scores is not None and joints.shape == (len(scores), 2):
        joints = np.column_stack([joints, np.array(scores, np.float64)])
    return joints


def _is_mmpose(document: Document) -> bool:
    frames = document.get("instance_info") if isinstance(document, dict) else document
    return isinstance(frames, list) and any(isinstance(each, dict) and "instances" in each for each in frames)


def _mmpose(document: Document, path: Path, options: Options) -> RawJoints:
    remarks: list[str] = []
    frames = [
        FileFrame(
            str(frame.get("frame_id", path.name)),
            list(_kept(frame["instances"], _result, "instance", path.name, remarks)),
            frame.get("frame_id"),
        )
        for frame in (document["instance_info"] if isinstance(document, dict) else document)
    ]
    set_name = _coco_set({frame.name: frame.people for frame in frames})
    return RawJoints(in_order(frames), None, set_name, remarks=tuple(remarks))


def _is_by_name(document: Document) -> bool:
    return isinstance(document, dict) and any(
        isinstance(each, dict) and ({"people", "bodies"} & each.keys()) for each in document.values()
    )


def _by_name(document: Document, path: Path, options: Options) -> RawJoints:
    """AlphaPose's ``open`` and ``cmu`` forms: an object for each image, by its name."""
    remarks: list[str] = []
    frames = []
    for name, entry in document.items():
        people = entry.get("people", entry.get("bodies")) if isinstance(entry, dict) else None
        if isinstance(people, list):
            frames.append(
                FileFrame(name, list(_kept(people, _body, "person", f"{path.name}: {name}", remarks)))
            )
    counts = {len(person.joints) for frame in frames for person in frame.people}
    set_name = next((OPENPOSE[count] for count in counts if count in OPENPOSE), None)
    return RawJoints(in_order(frames), None, set_name, remarks=tuple(remarks))


def _body(person: Document) -> Array:
    return _numbers(person["joints"]) if "joints" in person else _openpose_person(person)


def _is_numbers(document: Document) -> bool:
    return isinstance(document, list)


def _list(document: Document, path: Path, options: Options) -> RawJoints:
    if options[0] is not None:
        raise InputError(f"--joints-key {options[0]}: {path} holds one list without a name; leave it out")
    return from_array(_array(document), path.name, sequence=options[1])


def _is_arrays(document: Document) -> bool:
    return isinstance(document, dict) and any(isinstance(each, list) for each in document.values())


def _arrays(document: Document, path: Path, options: Options) -> RawJoints:
    arrays, refusals = {}, {}
    for name, value in document.items():
        try:
            arrays[name] = _array(value)
        except (ValueError, TypeError):
            refusals[name] = "is not an array of numbers"
    shapes = {name: array.shape for name, array in arrays.items()}
    return from_arrays(shapes, arrays.__getitem__, path, options[0], refusals, sequence=options[1])


FORMS: tuple[tuple[str, Callable[[Document], bool], Reader], ...] = (
    ("OpenPose's file of a frame", _is_openpose, _openpose),
    ("COCO annotations", _is_coco, _coco),
    ("results in COCO's form", _is_results, _results),
    ("MMPose's predictions", _is_mmpose, _mmpose),
    ("AlphaPose's results by image", _is_by_name, _by_name),
    ("a list of joints", _is_numbers, _list),
    ("named lists of joints", _is_arrays, _arrays),
)
"""Known forms, by what a document has; the first that fits is read."""


def _by_image(
    entries: Sequence[Document],
    joints_of: Callable[[Document], Array],
    what: str,
    source: str,
    remarks: list[str],
) -> dict[Any, list[Record]]:
    by_image: dict[Any, list[Record]] = {}
    for index, entry in enumerate(entries):
        name = f"{what} {entry.get('id', index)}"
        people = by_image.setdefault(entry.get("image_id"), [])
        people += _kept([entry], joints_of, name, source, remarks, numbered=False)
    return by_image


def _kept(
    entries: Sequence[Document],
    joints_of: Callable[[Document], Array],
    what: str,
    source: str,
    remarks: list[str],
    *,
    numbered: bool = True,
) -> Iterator[Record]:
    """Those entries that are people; one that is not goes to the remarks."""
    for index, entry in enumerate(entries):
        label = f"{what} {index}" if numbered else what
        try:
            joints = joints_of(entry)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            remarks.append(f"{source}: {label} is left out: {_reason(error)}")
            continue
        yield Record(joints, label)


def _numbers(keypoints: Document) -> Array:
    """(joints, 2 or 3) of a flat list of x, y and score, or of a list for each joint."""
    array = _array(keypoints)
    if array.ndim == 1 and array.size and array.size % 3 == 0:
        return array.reshape(-1, 3)
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise ValueError(f"keypoints of shape {array.shape}; wanted x, y and a score for each joint in turn")
    return array


def _array(value: Document) -> Array:
    """Numbers; ``null`` is NaN."""
    return np.array(value, np.float64)


def _coco_set(by_image: Mapping[Any, Sequence[Record]]) -> str | None:
    counts = {len(person.joints) for people in by_image.values() for person in people}
    return next((COCO[count] for count in counts if count in COCO), None)


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = image.get("width"), image.get("height")
    return (int(width), int(height)) if width and height else None


def _tell_others(count: int, source: str, remarks: list[str]) -> None:
    if count:
        remarks.append(
            f"{source}: {count} {'entry is' if count == 1 else 'entries are'} not of people and left out"
        )


def _reason(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)
