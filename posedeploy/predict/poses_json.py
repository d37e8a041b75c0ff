"""``poses.json``: the people found, as COCO has keypoints, and what found them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
"""COCO's number of the category person."""

DECIMALS = 3
TIME_DECIMALS = 6

Origin: TypeAlias = Literal["root", "camera", "world"]
"""Where 3D positions start: at each person's own root (pelvis, wrist), at the camera, or where its extrinsics
say."""


class MadeBy(msgspec.Struct, frozen=True, kw_only=True):
    """What found the poses: the artifact's file with its hashes, and what really ran it."""

    posedeploy: str = __version__
    artifact: str
    artifact_sha256: Mapping[str, str]
    checkpoint_sha256: str | None
    family: str
    variant: str
    precision: str
    runtime: RuntimeInfo


class SourceRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """What they were found in. ``frames`` were done of ``expected_frames``, None where no one can know.

    ``boxes``: the file or the detector that says where people are, or "the whole image", for a network that
    looks at one person at a time. ``joints``: the file or the detector that the 2D joints
    are from, for one that lifts them. ``skipped``: the files of a folder that are not images.
    ``min_keypoints``, ``min_score``: what people had to have to be kept.
    """

    name: str
    kind: Kind
    frames: int
    expected_frames: int | None
    skipped_files: int
    fps: float | None
    tracked: bool
    smoothed: bool
    boxes: str | None = None
    joints: str | None = None
    detector: MadeBy | None = None
    skipped: tuple[str, ...] = ()
    min_keypoints: int | None = None
    min_score: float | None = None


class _Image(msgspec.Struct, frozen=True, omit_defaults=True):
    """``picture`` is the file beside this one that shows it, ``frame`` its number in a video, from 0."""

    id: int
    file_name: str
    width: int
    height: int
    picture: str | None = None
    frame: int | None = None
    time_s: float | None = None


class _Annotation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One person. Numbers are rounded to 3 decimals.

    keypoints: x px, y px and v for each keypoint; v is 2, or 0 where it was not found, and x = y = 0 then.
    keypoint_scores: one for each, 0 where not found. keypoints_3d: x, y, z in mm for each. bbox: x, y, width,
    height around the found keypoints, in px. track_id: the same person has the same one throughout a video.
    mesh: the file beside this one with the person's mesh, in m, y up and z towards the viewer.
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
    """The skeleton counts keypoints from 1, as COCO does."""

    id: int
    name: str
    keypoints: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]


class _Document(msgspec.Struct, frozen=True, omit_defaults=True):
    format: str
    version: int
    units: Mapping[str, str]
    made_by: MadeBy
    source: SourceRecord
    problems: Sequence[str]
    images: Sequence[msgspec.Raw]
    annotations: Sequence[msgspec.Raw]
    categories: Sequence[_Category]
    remarks: Sequence[str] = ()
    origin: Origin | None = None


def made_by(artifact: Artifact, runtime_info: RuntimeInfo, hashes: Mapping[str, str]) -> MadeBy:
    """The record of an artifact; ``hashes`` are those of its files, by name."""
    return MadeBy(
        artifact=printable(artifact.path.name),
        artifact_sha256={printable(name): digest for name, digest in hashes.items()},
        checkpoint_sha256=artifact.provenance.checkpoint_sha256 if artifact.provenance else None,
        family=artifact.spec.family,
        variant=artifact.spec.variant,
        precision=artifact.precision,
        runtime=runtime_info,
    )


class Document:
    """The document in the making. People are encoded as they come: so an hour of video fits in memory."""

    def __init__(self, spec: ModelSpec, camera: Camera | None = None) -> None:
        self._spec = spec
        self._placed: Origin = "world" if camera is not None and camera.rotation is not None else "camera"
        self._origin: Origin | None = None
        self._images: list[msgspec.Raw] = []
        self._annotations: list[msgspec.Raw] = []
        self._meshes = False
        self._unnamed: dict[int, list[tuple[int, _Annotation]]] = {}
        """Annotations of people without an id yet, with their places, by the number that stands for it."""

    def add(self, frame: Frame, poses: Poses, picture: str | None, meshes: Sequence[str] = ()) -> None:
        """The people of one frame. picture: the file that shows them. meshes: the file of each person."""
        height, width = frame.image.shape[:2]
        number = len(self._images) + 1
        index = frame.index if frame.time_s is not None else None
        time_s = None if frame.time_s is None else round(frame.time_s, TIME_DECIMALS)
        image = _Image(number, frame.name, width, height, picture, index, time_s)
        self._images.append(_encoded(image))
        self._meshes |= bool(meshes)
        if len(poses) and poses.keypoints_3d is not None:
            self._origin = "root" if poses.root_relative else self._placed
        present = set() if poses.ids is None else set(poses.ids.tolist())
        for candidate in self._unnamed.keys() - present:  # no id is given to whoever is missed before
            del self._unnamed[candidate]
        for person in range(len(poses)):
            place = len(self._annotations)
            annotation = _annotation(poses, person, place + 1, number)
            annotation = msgspec.structs.replace(annotation, mesh=meshes[person] if meshes else None)
            self._annotations.append(_encoded(annotation))
            if poses.ids is not None and poses.ids[person] < 0:
                self._unnamed.setdefault(int(poses.ids[person]), []).append((place, annotation))

    def name(self, ids: Mapping[int, int]) -> None:
        """Give people their ids in the frames before, by the numbers under 0 that stood for them; call it
        before the frame that gives them is added."""
        for candidate, id_ in ids.items():
            for place, annotation in self._unnamed.pop(candidate, ()):
                self._annotations[place] = _encoded(msgspec.structs.replace(annotation, track_id=id_))

    def encoded(
        self, made: MadeBy, source: SourceRecord, problems: Sequence[str], remarks: Sequence[str] = ()
    ) -> bytes:
        """The whole file, UTF-8 JSON."""
        spec = self._spec
        skeleton = tuple((a + 1, b + 1) for a, b in spec.skeleton)
        category = _Category(PERSON, "person", spec.keypoint_names, skeleton)
        document = _Document(
            FORMAT,
            VERSION,
            _units(spec) | ({"mesh": "m"} if self._meshes else {}),
            made,
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


def _encoded(record: msgspec.Struct) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(record))


def _annotation(poses: Poses, person: int, number: int, image: int) -> _Annotation:
    keypoints = np.round(poses.keypoints[person].astype(np.float64), DECIMALS)
    found = keypoints[:, 2] >= 0
    flat: list[float] = []
    for (x, y, _), seen in zip(keypoints.tolist(), found.tolist(), strict=True):
        flat += (x, y, 2) if seen else (0, 0, 0)
    positions = None if poses.keypoints_3d is None else poses.keypoints_3d[person, :, :3]
    return _Annotation(
        id=number,
        image_id=image,
        category_id=PERSON,
        keypoints=flat,
        num_keypoints=int(found.sum()),
        keypoint_scores=np.where(found, keypoints[:, 2], 0.0).tolist(),
        score=round(float(poses.scores[person]), DECIMALS),
        bbox=np.round(poses.boxes[person], DECIMALS).tolist(),
        keypoints_3d=None if positions is None else np.round(positions, DECIMALS).ravel().tolist(),
        track_id=None if poses.ids is None or poses.ids[person] < 0 else int(poses.ids[person]),
    )
