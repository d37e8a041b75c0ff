"""Where the people are, for networks that do not find them: boxes, a detector, or a file of joints."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from posedeploy.api.model_args import ModelArgs
from posedeploy.api.open_models import open_detector
from posedeploy.errors import InputError, MisfitError
from posedeploy.families import FAMILIES
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
ONE_PERSON = "the whole image is taken as one person's"


@dataclass(frozen=True)
class PersonArgs:
    """boxes: a file of them, or a folder with a file for each image. detector: a model that finds the people
    first. contract: the TOML file that describes a third-party detector. threshold: which people are kept."""

    boxes: Path | None = None
    detector: Path | None = None
    contract: Path | None = None
    box_options: BoxOptions = field(default_factory=BoxOptions)
    threshold: Threshold = field(default_factory=Threshold)

    def __post_init__(self) -> None:
        if self.contract is not None and self.detector is None:
            raise InputError(f"`detector_spec={self.contract}`: it describes a `detector`; give that too")
        if self.boxes is not None and self.detector is not None:
            raise InputError("`boxes` and `detector`: give one of the two; both say where the people are")
        if self.box_options != BoxOptions() and self.boxes is None:
            raise InputError("`box_format`, `box_label` and `box_score` are for `boxes`; give that too")

    @property
    def option(self) -> str | None:
        """The option that was given."""
        return "`boxes`" if self.boxes else "`detector`" if self.detector else None


def open_box_source(
    persons: PersonArgs,
    spec: ModelSpec,
    options: RunOptions,
    opened: ExitStack,
    source: Source | None = None,
) -> PersonSource | None:
    """Return what gives the boxes of people; None where a network finds people by itself or takes the whole
    image.

    Args:
        opened: closes the detector that is opened for it.
        source: what the boxes of a file are of.

    Raises:
        InputError: the network is not known or has no use for what was given, or that cannot be read.
    """
    check_family(spec)
    if not takes_boxes(spec):
        if persons.option is not None and spec.joints is None:
            raise InputError(
                f"{persons.option}: {spec.family} finds people in the whole image by itself; leave it out, "
                "or give a network that looks at one person at a time"
            )
        return None
    if persons.boxes is not None:
        assert source is not None, "a command that takes boxes has a source"
        return read_boxes(persons.boxes, source, persons.box_options)
    if persons.detector is None:
        options_there = "neither `boxes` nor `detector` says" if source is not None else "no `detector` says"
        logger.info(f"{spec.family} looks at one person at a time, and {options_there} where: {ONE_PERSON}")
        return None
    detector, made = _opened(persons.detector, persons, options, opened)
    return boxes_from_detector(detector, persons.detector.name, made)


def open_joint_source(
    persons: PersonArgs,
    spec: ModelSpec,
    options: RunOptions,
    opened: ExitStack,
    source: Source | None = None,
) -> JointSource | None:
    """Return what gives 2D joints to a network that lifts them; None for one that takes images.

    Args:
        opened: closes the detector that is opened for it.
        source: what the people are in; None only with a detector.

    Raises:
        InputError: the source and the options do not say what finds the joints, or the network cannot take
            them.
    """
    check_family(spec)
    if spec.joints is None:
        if isinstance(source, JointsFile):
            raise InputError(
                f"{source.name}: joints, and {spec.family} takes images; name an image, or give a network "
                "that lifts joints, such as gtrs"
            )
        return None
    if isinstance(source, JointsFile) and persons.option is None:
        if persons.threshold != Threshold():
            raise InputError(
                "`min_keypoints` and `min_score` choose among people found in images, and those of "
                f"{source.name} are given; leave them out"
            )
        return joints_from_file(source, spec)
    if isinstance(source, JointsFile) or persons.boxes is not None:
        raise InputError(
            f"{persons.option}: {spec.family} takes the 2D joints of people, and "
            + ("they are in " + source.name if isinstance(source, JointsFile) else "not their boxes")
            + "; leave it out"
        )
    if persons.detector is None:
        assert source is not None, "without a source, the caller has a detector"
        raise InputError(
            f"{spec.family} takes the 2D joints of people and no image; name what finds them in "
            f"{source.name}, with `detector=pose2d.xml`, or give the joints themselves in a file "
            "(docs/joints-and-boxes.md)"
        )
    detector, made = _opened(persons.detector, persons, options, opened)
    if takes_boxes(detector.spec):
        name = f"`detector={persons.detector.name}`"
        logger.info(f"{name}: {detector.spec.family} looks at one person at a time: {ONE_PERSON}")
    return joints_from_detector(detector, persons.detector.name, spec, made)


def _opened(
    path: Path, persons: PersonArgs, options: RunOptions, opened: ExitStack
) -> tuple[Predictor, Producer]:
    contract = persons.contract
    try:
        runner, artifact = open_detector(path, options, ModelArgs(contract=contract))
    except MisfitError as error:
        raise MisfitError(
            f"`detector`: {error}. That is for a command's own network: export this one so, and name the "
            "artifact here"
        ) from error
    opened.enter_context(runner)
    _check_detector(path, artifact.spec)
    made = poses_json.describe_producer(artifact, runner.runtime_info, artifact.files)
    return Predictor(runner, artifact.spec, threshold=persons.threshold), made


def _check_detector(path: Path, spec: ModelSpec) -> None:
    if spec.family not in FAMILIES:
        raise InputError(
            f"`detector={path.name}`: cannot decode poses from this network: its family {spec.family!r} is "
            "unknown; describe its outputs with `detector_spec=FILE` (README.md, 'Your own network')"
        )


def check_camera(given: str, spec: ModelSpec) -> None:
    """Refuse a camera for a network whose poses do not depend on one.

    Args:
        given: the arguments that describe it.

    Raises:
        InputError: the poses are in px, or relative to each person's pelvis.
    """
    if spec.joints is not None:
        raise InputError(
            f"{given}: {spec.family} gives positions from each person's pelvis on, which do not depend on "
            "the camera; leave it out"
        )
    if spec.unit != "mm":
        raise InputError(
            f"{given}: {spec.family} ({spec.variant}) finds people in 2D, which does not depend on the "
            "camera; leave it out, or give a 3D network"
        )
