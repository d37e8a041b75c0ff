"""Sources of people for networks that do not detect them: boxes, a detector, or a file of joints."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from posedeploy.api.model_args import ModelArgs
from posedeploy.api.open_models import open_detector
from posedeploy.argument_types import check_fields
from posedeploy.errors import InputError, MisfitError
from posedeploy.families import has_decoding
from posedeploy.predict import poses_json
from posedeploy.predict.box_files.box_content import BoxOptions
from posedeploy.predict.boxes import PersonSource, boxes_from_detector, read_boxes, takes_boxes
from posedeploy.predict.chain import Predictor, check_family
from posedeploy.predict.frames import Source
from posedeploy.predict.joint_files.joint_source import JointsFile
from posedeploy.predict.joint_files.people import joints_from_file
from posedeploy.predict.lifting import JointSource, joints_from_detector
from posedeploy.predict.poses_json import Producer
from posedeploy.predict.threshold import Threshold
from posedeploy.types import ModelSpec, RunOptions

logger = logging.getLogger(__name__)
ONE_PERSON = "the whole image is used as the box of one person"


@check_fields
@dataclass(frozen=True)
class PersonArgs:
    """The source of the people.

    boxes: a file of boxes, or a folder with a file for each image. detector: a model that detects the people.
    contract: the TOML file that describes a third-party detector. threshold: the minimum for people to be
    kept.
    """

    boxes: Path | None = None
    detector: Path | None = None
    contract: Path | None = None
    box_options: BoxOptions = field(default_factory=BoxOptions)
    threshold: Threshold = field(default_factory=Threshold)

    def __post_init__(self) -> None:
        if self.contract is not None and self.detector is None:
            raise InputError(f"`detector_spec={self.contract}` describes a `detector`; add `detector`")
        if self.boxes is not None and self.detector is not None:
            raise InputError("`boxes` and `detector` exclude each other: both locate people; leave one out")
        if self.box_options != BoxOptions() and self.boxes is None:
            raise InputError("`box_format`, `box_label` and `box_score` are for `boxes`; add `boxes`")

    @property
    def option(self) -> str | None:
        """The argument that is set."""
        return "`boxes`" if self.boxes else "`detector`" if self.detector else None


def open_box_source(
    persons: PersonArgs,
    spec: ModelSpec,
    options: RunOptions,
    opened: ExitStack,
    source: Source | None = None,
) -> PersonSource | None:
    """Return the source of people's boxes; None if the network detects people or takes the whole image.

    Args:
        opened: closes the detector.
        source: the images of a file of boxes.

    Raises:
        InputError: the network is unknown, or boxes or a detector cannot be read or used.
    """
    check_family(spec)
    if not takes_boxes(spec):
        if persons.option is not None and spec.joints is None:
            raise InputError(
                f"{persons.option}: {spec.family} detects people in the whole image; leave it out, or use a "
                "single-person network"
            )
        return None
    if persons.boxes is not None:
        assert source is not None, "a command that takes boxes has a source"
        return read_boxes(persons.boxes, source, persons.box_options)
    if persons.detector is None:
        missing = "without `boxes` and `detector`" if source is not None else "without a `detector`"
        logger.info(f"{spec.family} takes one person at a time; {missing}, {ONE_PERSON}")
        return None
    detector, producer = _open_detector(persons.detector, persons, options, opened)
    return boxes_from_detector(detector, persons.detector.name, producer)


def open_joint_source(
    persons: PersonArgs,
    spec: ModelSpec,
    options: RunOptions,
    opened: ExitStack,
    source: Source | None = None,
) -> JointSource | None:
    """Return the source of 2D joints for a network that lifts them; None for one that takes images.

    Args:
        opened: closes the detector.
        source: the images or joints; None only with a detector.

    Raises:
        InputError: neither the source nor the arguments provide joints, or the network cannot use them.
    """
    check_family(spec)
    if spec.joints is None:
        if isinstance(source, JointsFile):
            raise InputError(
                f"{source.name}: a file of joints, but {spec.family} takes images; use an image, or a "
                "network that lifts joints, such as gtrs"
            )
        return None
    if isinstance(source, JointsFile) and persons.option is None:
        if persons.threshold != Threshold():
            raise InputError(
                "`min_keypoints` and `min_score` select among people detected in images, but "
                f"{source.name} is a file of joints; leave them out"
            )
        return joints_from_file(source, spec)
    if isinstance(source, JointsFile) or persons.boxes is not None:
        reason = f"{source.name} contains them" if isinstance(source, JointsFile) else "not boxes"
        raise InputError(
            f"{persons.option}: {spec.family} takes the 2D joints of people, {reason}; leave it out"
        )
    if persons.detector is None:
        assert source is not None, "without a source, the caller has a detector"
        raise InputError(
            f"{spec.family} takes the 2D joints of people, not images; add a model that detects them in "
            f"{source.name}, such as `detector=pose2d.xml`, or use a file of joints instead "
            "(docs/joints-and-boxes.md)"
        )
    detector, producer = _open_detector(persons.detector, persons, options, opened)
    if takes_boxes(detector.spec):
        name = f"`detector={persons.detector.name}`"
        logger.info(f"{name}: {detector.spec.family} takes one person at a time; {ONE_PERSON}")
    return joints_from_detector(detector, persons.detector.name, spec, producer)


def _open_detector(
    path: Path, persons: PersonArgs, options: RunOptions, opened: ExitStack
) -> tuple[Predictor, Producer]:
    contract = persons.contract
    try:
        runner, artifact = open_detector(path, options, ModelArgs(contract=contract))
    except MisfitError as error:
        raise MisfitError(
            f"`detector`: {error}. This argument cannot be passed for a detector; export the detector with "
            "it, and pass the exported file as `detector`."
        ) from error
    opened.enter_context(runner)
    _check_detector(path, artifact.spec)
    producer = poses_json.describe_producer(artifact, runner.runtime_info, artifact.files)
    return Predictor(runner, artifact.spec, threshold=persons.threshold), producer


def _check_detector(path: Path, spec: ModelSpec) -> None:
    if not has_decoding(spec.family):
        raise InputError(
            f"`detector={path.name}`: cannot decode poses: the family {spec.family!r} of the network is "
            "unknown; describe it with `detector_spec=FILE` (docs/third-party-models.md)"
        )


def check_camera(arguments: str, spec: ModelSpec) -> None:
    """Check that the poses of a network depend on a camera.

    Args:
        arguments: the names of those that describe the camera.

    Raises:
        InputError: the poses are in px, or relative to each person's pelvis.
    """
    if spec.joints is not None:
        raise InputError(
            f"{arguments}: {spec.family} returns positions relative to each person's pelvis, which do not "
            "depend on the camera; leave it out"
        )
    if spec.unit != "mm":
        raise InputError(
            f"{arguments}: {spec.family} ({spec.variant}) returns 2D poses, which do not depend on the "
            "camera; leave it out, or use a 3D network"
        )
