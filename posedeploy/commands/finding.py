"""What says where the people are, for networks that look at one person at a time: the commands' options."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from posedeploy.commands.console import say, working
from posedeploy.commands.opening import Described, open_named
from posedeploy.errors import InputError
from posedeploy.predict import document
from posedeploy.predict.boxes import Finder, detected_by, read_boxes, takes_boxes
from posedeploy.predict.chain import Predictor
from posedeploy.predict.sources import Source
from posedeploy.types import ModelSpec, RunOptions


@dataclass(frozen=True)
class Where:
    """What the user said of it; at most one of the two."""

    boxes: Path | None = None
    detector: Path | None = None

    def __post_init__(self) -> None:
        if self.boxes is not None and self.detector is not None:
            raise InputError("--boxes and --detector: give one of the two; both say where the people are")

    @property
    def option(self) -> str | None:
        """The option that was given."""
        return "--boxes" if self.boxes else "--detector" if self.detector else None


def finder_of(
    where: Where, spec: ModelSpec, options: RunOptions, opened: ExitStack, source: Source | None = None
) -> Finder | None:
    """The finder that was asked for; None where a network finds people by itself or takes the whole image.

    Args:
        opened: closes the detector that is opened for it.
        source: what the boxes of a file are of.

    Raises:
        InputError: the network has no use for what was given, or it cannot be read or opened.
    """
    if not takes_boxes(spec):
        if where.option is not None and spec.joints is None:
            raise InputError(
                f"{where.option}: {spec.family} finds people in the whole image by itself; leave it out, or "
                "give a network that looks at one person at a time"
            )
        return None
    if where.boxes is not None:
        assert source is not None, "a command that takes boxes has a source"
        return read_boxes(where.boxes, source)
    if where.detector is None:
        options_there = "neither --boxes nor --detector says" if source is not None else "no --detector says"
        say(
            f"{spec.family} looks at one person at a time, and {options_there} where: "
            "the whole image is taken as one person's"
        )
        return None
    with working(f"loading {where.detector}"):
        runner, artifact = open_named(where.detector, options, Described())
    opened.enter_context(runner)
    made = document.made_by(artifact, runner.effective, artifact.files)
    return detected_by(Predictor(runner, artifact.spec), where.detector.name, made)
