"""``poses.json``: the people in COCO's keypoint format, with the artifact and the runtime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from posedeploy import __version__
from posedeploy.predict.frames import Frame, Kind
from posedeploy.printable import printable
from posedeploy.types import Artifact, Camera, ModelSpec, Poses, RuntimeInfo

NAME = "poses.json"
FORMAT = "posedeploy.poses"
VERSION = 1
PERSON = 1
"""COCO's category id of people."""

DECIMALS = 3
TIME_DECIMALS = 6

Origin: TypeAlias = Literal["root", "camera", "world"]
"""The origin of 3D positions: each person's root (pelvis or wrist), the camera, or the world frame of the
camera's extrinsics."""


class Producer(msgspec.Struct, frozen=True, kw_only=True):
    """The artifact of the poses, with the hashes of its files, and its runtime."""

    posedeploy: str = __version__
    artifact: str
    artifact_sha256: Mapping[str, str]
    checkpoint_sha256: str | None
    family: str
    variant: str
    precision: str
    runtime: RuntimeInfo


class SourceRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The source of the poses: ``frames`` of ``expected_frames`` were processed; None if unknown.

    refined: positions lie between the cells of the heatmaps, unlike the published ones. boxes: the file or
    detector of the boxes, or "the whole image", for a network that takes one person at a time. joints: the
    file or detector of the 2D joints, for a network that lifts them. skipped: the files of a folder that are
    not images. min_keypoints, min_score: the threshold for people.
    """

    name: str
    kind: Kind
    frames: int
    expected_frames: int | None
    skipped_files: int
    fps: float | None
    tracked: bool
    smoothed: bool
    refined: bool = False
    boxes: str | None = None
    joints: str | None = None
    detector: Producer | None = None
    skipped: tuple[str, ...] = ()
    min_keypoints: int | None = None
    min_score: float | None = None


class _Image(msgspec.Struct, frozen=True, omit_defaults=True):
    """An image.

    picture: the file in the same folder that shows its people. frame: its number in a video, from 0.
    """

    id: int
    file_name: str
    width: int
    height: int
    picture: str | None = None
    frame: int | None = None
    time_s: float | None = None


class _Annotation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One person. Numbers are rounded to 3 decimals.

    keypoints: x px, y px and v of each keypoint; v is 2, or 0 if it was not found, with x = y = 0.
    keypoint_scores: the score of each keypoint, 0 if not found. keypoints_3d: x, y, z in mm of each keypoint.
    bbox: x, y, width, height in px around the keypoints found. track_id: the person's id in the whole video.
    mesh: the file in the same folder with the person's mesh, in m, y up and z towards the viewer.
    """

    id: int
    image_id: int
    category_id: int
    keypoints: list[float]
    num_keypoints: int
    keypoint_scores: list[float]
    score: float
    bbox: list[float]
    keypoints_3d: list[float] | None = None
    track_id: int | None = None
    mesh: str | None = None


class _Category(msgspec.Struct, frozen=True):
    """The category of people. The skeleton counts keypoints from 1, as COCO does."""

    id: int
    name: str
    keypoints: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]


class _Document(msgspec.Struct, frozen=True, omit_defaults=True):
    format: str
    version: int
    units: Mapping[str, str]
    producer: Producer
    source: SourceRecord
    problems: Sequence[str]
    images: Sequence[msgspec.Raw]
    annotations: Sequence[msgspec.Raw]
    categories: Sequence[_Category]
    remarks: Sequence[str] = ()
    origin: Origin | None = None


def describe_producer(artifact: Artifact, runtime_info: RuntimeInfo, hashes: Mapping[str, str]) -> Producer:
    """Return the record of an artifact. ``hashes`` maps the names of its files to their SHA-256."""
    return Producer(
        artifact=printable(artifact.path.name),
        artifact_sha256={printable(name): digest for name, digest in hashes.items()},
        checkpoint_sha256=artifact.provenance.checkpoint_sha256 if artifact.provenance else None,
        family=artifact.spec.family,
        variant=artifact.spec.variant,
        precision=artifact.precision,
        runtime=runtime_info,
    )


class PosesDocument:
    """A builder of the document. It encodes each frame at once, so that long videos fit in memory."""

    def __init__(self, spec: ModelSpec, camera: Camera | None = None) -> None:
        self._spec = spec
        has_extrinsics = camera is not None and camera.rotation is not None
        self._camera_origin: Origin = "world" if has_extrinsics else "camera"
        self._origin: Origin | None = None
        self._images: list[msgspec.Raw] = []
        self._annotations: list[msgspec.Raw] = []
        self._has_meshes = False
        self._without_id: dict[int, list[tuple[int, _Annotation]]] = {}
        """Annotations, with their positions, of people without an id yet, by their provisional number."""

    def add(self, frame: Frame, poses: Poses, picture: str | None, meshes: Sequence[str] = ()) -> None:
        """Add the people of one frame.

        Args:
            poses: ids below 0 are provisional numbers; ``assign_ids`` replaces them.
            picture: the file that shows the people. meshes: the mesh file of each person.
        """
        height, width = frame.image.shape[:2]
        number = len(self._images) + 1
        index = frame.index if frame.time_s is not None else None
        time_s = None if frame.time_s is None else round(frame.time_s, TIME_DECIMALS)
        image = _Image(number, frame.name, width, height, picture, index, time_s)
        self._images.append(_encode(image))
        self._has_meshes |= bool(meshes)
        if len(poses) and poses.keypoints_3d is not None:
            self._origin = "root" if poses.root_relative else self._camera_origin
        present = set() if poses.ids is None else set(poses.ids.tolist())
        for candidate in self._without_id.keys() - present:  # a candidate that misses a frame gets no id
            del self._without_id[candidate]
        ids = [None] * len(poses) if poses.ids is None else poses.ids.tolist()
        for annotation, id_ in zip(
            _annotate(poses, len(self._annotations), number, meshes), ids, strict=True
        ):
            if id_ is not None and id_ < 0:
                self._without_id.setdefault(id_, []).append((len(self._annotations), annotation))
            self._annotations.append(_encode(annotation))

    def assign_ids(self, ids: Mapping[int, int]) -> None:
        """Replace provisional numbers with ids in the frames so far, before the next frame is added."""
        for candidate, id_ in ids.items():
            for position, annotation in self._without_id.pop(candidate, ()):
                self._annotations[position] = _encode(msgspec.structs.replace(annotation, track_id=id_))

    def encode(
        self, producer: Producer, source: SourceRecord, problems: Sequence[str], remarks: Sequence[str] = ()
    ) -> bytes:
        """Return the whole file as UTF-8 JSON."""
        spec = self._spec
        skeleton = tuple((a + 1, b + 1) for a, b in spec.skeleton)
        category = _Category(PERSON, "person", spec.keypoint_names, skeleton)
        document = _Document(
            FORMAT,
            VERSION,
            _units(spec) | ({"mesh": "m"} if self._has_meshes else {}),
            producer,
            source,
            problems,
            self._images,
            self._annotations,
            (category,),
            tuple(remarks),
            self._origin,
        )
        return msgspec.json.encode(document) + b"\n"


def _units(spec: ModelSpec) -> dict[str, str]:
    pixels = {"keypoints": "px", "bbox": "px"}
    return pixels if spec.unit == "px" else pixels | {"keypoints_3d": spec.unit}


def _encode(record: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(record))


def _annotate(poses: Poses, done: int, image: int, meshes: Sequence[str]) -> Iterator[_Annotation]:
    """Yield the record of each person. ``done``: the number of earlier records. meshes: may be empty."""
    keypoints = np.round(poses.keypoints.astype(np.float64), DECIMALS)
    is_visible = keypoints[..., 2] >= 0
    scores = np.where(is_visible, keypoints[..., 2], 0.0).tolist()
    counts = is_visible.sum(axis=1).tolist()
    boxes = np.round(poses.boxes, DECIMALS).tolist()
    rows = zip(keypoints.tolist(), is_visible.tolist(), poses.scores.tolist(), strict=True)
    for person, (points, visible, score) in enumerate(rows):
        flat: list[float] = []
        for (x, y, _), is_found in zip(points, visible, strict=True):
            flat += (x, y, 2) if is_found else (0, 0, 0)
        positions = None if poses.keypoints_3d is None else poses.keypoints_3d[person, :, :3]
        yield _Annotation(
            id=done + person + 1,
            image_id=image,
            category_id=PERSON,
            keypoints=flat,
            num_keypoints=counts[person],
            keypoint_scores=scores[person],
            score=round(score, DECIMALS),
            bbox=boxes[person],
            keypoints_3d=None if positions is None else np.round(positions, DECIMALS).ravel().tolist(),
            track_id=None if poses.ids is None or poses.ids[person] < 0 else int(poses.ids[person]),
            mesh=meshes[person] if meshes else None,
        )
