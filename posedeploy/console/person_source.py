"""What says where the people are, for networks that need to be told: the commands' options."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from posedeploy.console.load_model import ModelArgs, open_finder
from posedeploy.console.output import say, working
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

ONE_PERSON = "the whole image is taken as one person's"


@dataclass(frozen=True)
class PersonArgs:
    """What the user said of it: boxes or a detector, with what describes one that was made by others, and
    which people are kept."""

    boxes: Path | None = None
    detector: Path | None = None
    contract: Path | None = None
    box_options: BoxOptions = field(default_factory=BoxOptions)
    threshold: Threshold = field(default_factory=Threshold)

    def __post_init__(self) -> None:
        if self.contract is not None and self.detector is None:
            raise InputError(f"--detector-spec {self.contract}: it describes a --detector; give that too")
        if self.boxes is not None and self.detector is not None:
            raise InputError("--boxes and --detector: give one of the two; both say where the people are")
        if self.box_options != BoxOptions() and self.boxes is None:
            raise InputError("--box-format, --box-label and --box-score are for --boxes; give that too")

    @property
    def option(self) -> str | None:
        """The option that was given."""
        return "--boxes" if self.boxes else "--detector" if self.detector else None


def finder_of(
    where: PersonArgs, spec: ModelSpec, options: RunOptions, opened: ExitStack, source: Source | None = None
) -> PersonSource | None:
    """The finder that was asked for; None where a network finds people by itself or takes the whole image.

    Args:
        opened: closes the detector that is opened for it.
        source: what the boxes of a file are of.

    Raises:
        InputError: the network is not known or has no use for what was given, or that cannot be read.
    """
    check_family(spec)
    if not takes_boxes(spec):
        if where.option is not None and spec.joints is None:
            raise InputError(
                f"{where.option}: {spec.family} finds people in the whole image by itself; leave it out, or "
                "give a network that looks at one person at a time"
            )
        return None
    if where.boxes is not None:
        assert source is not None, "a command that takes boxes has a source"
        return read_boxes(where.boxes, source, where.box_options)
    if where.detector is None:
        options_there = "neither --boxes nor --detector says" if source is not None else "no --detector says"
        say(f"{spec.family} looks at one person at a time, and {options_there} where: {ONE_PERSON}")
        return None
    detector, made = _opened(where.detector, where, options, opened)
    return boxes_from_detector(detector, where.detector.name, made)


def people_of(
    where: PersonArgs, spec: ModelSpec, options: RunOptions, opened: ExitStack, source: Source
) -> JointSource | None:
    """What gives 2D joints to a network that lifts them; None for one that takes images.

    Args:
        opened: closes the detector that is opened for it.

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
    if isinstance(source, JointsFile) and where.option is None:
        if where.threshold != Threshold():
            raise InputError(
                "--min-keypoints and --min-score choose among people found in images, and those of "
                f"{source.name} are given; leave them out"
            )
        return joints_from_file(source, spec)
    if isinstance(source, JointsFile) or where.boxes is not None:
        raise InputError(
            f"{where.option}: {spec.family} takes the 2D joints of people, and "
            + ("they are in " + source.name if isinstance(source, JointsFile) else "not their boxes")
            + "; leave it out"
        )
    if where.detector is None:
        raise InputError(
            f"{spec.family} takes the 2D joints of people and no image; name what finds them in "
            f"{source.name}, with --detector pose2d.xml, or give the joints themselves in a file "
            "(docs/joints-and-boxes.md)"
        )
    detector, made = _opened(where.detector, where, options, opened)
    if takes_boxes(detector.spec):
        name = f"--detector {where.detector.name}"
        say(f"{name}: {detector.spec.family} looks at one person at a time: {ONE_PERSON}")
    return joints_from_detector(detector, where.detector.name, spec, made)


def _opened(
    path: Path, where: PersonArgs, options: RunOptions, opened: ExitStack
) -> tuple[Predictor, Producer]:
    contract = where.contract
    with working(f"loading {path}"):
        try:
            runner, artifact = open_finder(path, options, ModelArgs(contract=contract))
        except MisfitError as error:
            raise MisfitError(
                f"--detector {error}. That is for a command's own network: export this one so, and name the "
                "artifact here"
            ) from error
    opened.enter_context(runner)
    _check_detector(path, artifact.spec)
    made = poses_json.describe_producer(artifact, runner.runtime_info, artifact.files)
    return Predictor(runner, artifact.spec, threshold=where.threshold), made


def _check_detector(path: Path, spec: ModelSpec) -> None:
    if spec.family not in FAMILIES:
        raise InputError(
            f"--detector {path.name}: cannot decode poses from this network: its family {spec.family!r} is "
            "unknown; describe its outputs with --detector-spec FILE (README.md, 'Your own network')"
        )
