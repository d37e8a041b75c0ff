"""One call from a model file to the people in an image."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from typing import Unpack

from posedeploy import artifact_files
from posedeploy.api.mesh_faces import load_faces
from posedeploy.api.model_args import ModelArgs, ModelKeywords, ModelSource, optional_path, to_source
from posedeploy.api.open_models import open_model
from posedeploy.api.person_sources import PersonArgs, check_camera, open_box_source, open_joint_source
from posedeploy.api.pose_inputs import Numbers, explain_missing_joints, to_frame, to_joint_set, to_people
from posedeploy.argument_types import check_arguments
from posedeploy.closable import Closable
from posedeploy.decoders import check_refine
from posedeploy.errors import InputError
from posedeploy.predict import poses_json
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Frame
from posedeploy.predict.joint_files.joint_source import blank_image, size_around
from posedeploy.predict.lifting import Lifter
from posedeploy.predict.pictures import Painter
from posedeploy.predict.poses_json import PosesDocument, Producer, SourceRecord
from posedeploy.predict.threshold import Threshold
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Artifact, Camera, Hint, ModelSpec, Poses, Precision, RunOptions, StrPath

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ImagePoses(Poses):
    """The people in one image.

    image: (H, W, 3) uint8 BGR, blank for joints without an image. name: the file's name, or ``image``. spec:
    of the network, with the names of the keypoints and the skeleton. is_refined: whether positions lie
    between the cells of the heatmaps.
    """

    image: Array = field(repr=False)
    name: str
    spec: ModelSpec = field(repr=False)
    producer: Producer = field(repr=False)
    camera: Camera = field(default_factory=Camera, repr=False)
    faces: Array | None = field(default=None, repr=False)
    is_refined: bool = False

    def draw(self) -> Array:
        """Return a new (H, W, 3) uint8 BGR picture: the image with poses and meshes and, in 3D, a scene."""
        return Painter(self.spec, is_video=False, faces=self.faces)(self.image, self)

    def to_json(self) -> str:
        """Return the content of ``poses.json``; docs/json.md lists its fields."""
        document = PosesDocument(self.spec, self.camera)
        document.add(Frame(self.name, self.image, 0), self, None)
        record = SourceRecord(self.name, "images", 1, 1, 0, None, False, False, self.is_refined)
        return document.encode(self.producer, record, ()).decode()


class PoseEstimator(Closable):
    """A loaded network that estimates poses. Use it as a context manager, or call ``close``.

    spec: the spec of the network, with ``keypoint_names``, ``skeleton`` and ``unit``. runtime_info: as
    reported by the runtime.
    """

    def __init__(
        self,
        network: Predictor | Lifter,
        artifact: Artifact,
        producer: Producer,
        opened: ExitStack,
        camera: Camera,
        faces: Array | None,
        *,
        has_detector: bool,
        is_refined: bool,
    ) -> None:
        self.spec = artifact.spec
        self.runtime_info = producer.runtime
        self._network = network
        self._producer = producer
        self._opened = opened
        self._camera = camera
        self._faces = faces
        self._has_detector = has_detector
        self._is_refined = is_refined

    def __call__(
        self,
        image: StrPath | Array | None = None,
        *,
        boxes: Numbers | None = None,
        joints: Numbers | None = None,
        joint_set: str | None = None,
    ) -> ImagePoses:
        """Estimate the poses of the people in one image, or lift 2D joints of people to 3D.

        Args:
            image: a path, or an array (H, W, 3) uint8 BGR, also of 16 bits, gray or with alpha.
            boxes: (people, 4) x, y, width, height in px of the people, for a single-person network; without
                boxes and without a detector, the whole image is the box of one person.
            joints: (people, joints, 2 or 3) x px, y px and a score (below 0: missing), for a network on 2D
                joints; ``image`` is then only used for drawing.
            joint_set: the joint set of ``joints``, such as ``coco-17``; None means the network's.

        Raises:
            InputError: the image cannot be read or used, or a box or joints do not fit the network.
            ArtifactError: an output of the network is NaN or infinite.
        """
        if joints is not None or (self.spec.joints is not None and not self._has_detector):
            return self._lift(image, joints, joint_set)
        if image is None:
            raise InputError(f"no image, but {self.spec.family} takes one; pass its path or an array")
        frame = to_frame(image)
        if boxes is None:
            ((_, poses),) = self._network.stream([frame])
        elif isinstance(self._network, Predictor):
            poses = self._network(frame.image, to_people(boxes, "boxes", (4,)))
        else:
            raise InputError(f"boxes: {self.spec.family} takes the 2D joints of people; pass joints instead")
        return self._result(frame, poses)

    def stream(self, images: Iterable[StrPath | Array]) -> Iterator[ImagePoses]:
        """Estimate the poses in each image, in order; the network runs ahead of the caller.

        Raises:
            InputError: an image cannot be read or used, or the network needs joints and has no detector.
            ArtifactError: an output of the network is NaN or infinite.
        """
        if self.spec.joints is not None and not self._has_detector:
            raise InputError(explain_missing_joints(self.spec))
        for frame, poses in self._network.stream(map(to_frame, images)):
            yield self._result(frame, poses)

    def close(self) -> None:
        self._opened.close()

    def _lift(
        self, image: StrPath | Array | None, joints: Numbers | None, joint_set: str | None
    ) -> ImagePoses:
        if not isinstance(self._network, Lifter):
            raise InputError(f"joints: {self.spec.family} takes images; pass an image instead")
        if joints is None:
            raise InputError(explain_missing_joints(self.spec))
        people = to_joint_set(to_people(joints, "joints", None), joint_set, self.spec)
        frame = Frame("joints", blank_image(size_around(people)), 0) if image is None else to_frame(image)
        return self._result(frame, self._network.lift(people))

    def _result(self, frame: Frame, poses: Poses) -> ImagePoses:
        for remark in self._network.remarks:
            logger.warning(remark)
        self._network.remarks.clear()
        return ImagePoses(
            **{each.name: getattr(poses, each.name) for each in fields(Poses)},
            image=frame.image,
            name=frame.name,
            spec=self.spec,
            producer=self._producer,
            camera=self._camera,
            faces=self._faces,
            is_refined=self._is_refined,
        )


@check_arguments
def load(
    model: ModelSource,
    *,
    device: str = "cpu",
    precision: Precision | None = None,
    threads: int | None = None,
    hint: Hint = "latency",
    runtime: str | None = None,
    detector: StrPath | None = None,
    detector_spec: StrPath | None = None,
    camera: Camera | None = None,
    min_keypoints: int | None = None,
    min_score: float | None = None,
    refine: bool = False,
    **model_args: Unpack[ModelKeywords],
) -> PoseEstimator:
    """Load a model file or a checkpoint for pose estimation.

    Args:
        model: an artifact, a checkpoint or the path of either; ``"sample"`` means the built-in sample.
        device: ``cpu``, ``cuda`` or another device of the runtime; there is no fallback.
        precision: the precision of the arithmetic; None means the one that the file was exported for,
            ``fp32`` if it leaves that open; ``auto`` means the choice of the runtime.
        threads: None means one per physical core.
        runtime: None means the default of the file's target.
        detector: the model that detects the people, for a single-person network or on 2D joints.
        detector_spec: the TOML file that describes a third-party detector.
        camera: focal length and position, for a network with 3D positions in camera coordinates.
        min_keypoints: leave out people with fewer keypoints.
        min_score: leave out people with a lower score.
        refine: compute positions between the cells of the heatmaps, for a network that has heatmaps;
            published results do not.
        model_args: the fields of ``ModelKeywords``.

    Raises:
        InputError: the family of the network is unknown, or an argument does not fit the network.
        PoseDeployError: the model cannot be opened or run with these arguments.
    """
    args = ModelArgs.of(model_args, draws_mesh=True)
    persons = PersonArgs(
        detector=optional_path(detector),
        contract=optional_path(detector_spec),
        threshold=Threshold(min_keypoints, min_score),
    )
    options = RunOptions(device, precision, threads, hint)
    source = to_source(model)
    with ExitStack() as opened:
        runner, artifact = open_model(source, options, args, runtime)
        opened.enter_context(runner)
        spec = artifact.spec
        if camera is not None:
            check_camera("camera", spec)
        if refine:
            check_refine(spec)
        network = (
            _open_predictor(runner, spec, camera, persons, options, opened, refine=refine)
            if spec.joints is None
            else _open_lifter(runner, spec, persons, options, opened)
        )
        return PoseEstimator(
            network,
            artifact,
            poses_json.describe_producer(artifact, runner.runtime_info, artifact_files.hashes_of(artifact)),
            opened.pop_all(),
            camera or Camera(),
            load_faces(args.mesh, artifact),
            has_detector=persons.detector is not None,
            is_refined=refine,
        )


def _open_predictor(
    runner: Runner,
    spec: ModelSpec,
    camera: Camera | None,
    persons: PersonArgs,
    options: RunOptions,
    opened: ExitStack,
    *,
    refine: bool,
) -> Predictor:
    boxes = open_box_source(persons, spec, options, opened)
    if boxes is None:
        return Predictor(runner, spec, camera, threshold=persons.threshold, refine=refine)
    # The detector applies the threshold.
    return Predictor(runner, spec, camera, boxes.find, refine=refine)


def _open_lifter(
    runner: Runner, spec: ModelSpec, persons: PersonArgs, options: RunOptions, opened: ExitStack
) -> Lifter:
    if persons.detector is None:
        return Lifter(runner, spec)
    people = open_joint_source(persons, spec, options, opened)
    return Lifter(runner, spec, people.find if people is not None else None)
