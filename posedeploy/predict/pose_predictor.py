"""The predictors of poses in frames, and their choice."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Protocol

from posedeploy.decoders import check_refine
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Frame
from posedeploy.predict.lifting import Lifter
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.predict.threshold import Threshold
from posedeploy.runtimes.base import Runner
from posedeploy.types import Artifact, Poses


class PosePredictor(Protocol):
    """Detects the people in frames. sigmas: the OKS sigmas of their keypoints. remarks: complete after the
    last frame."""

    sigmas: tuple[float, ...]
    remarks: list[str]

    def stream(
        self, frames: Iterable[Frame], rejected: list[str] | None = None
    ) -> Generator[tuple[Frame, Poses], None, None]:
        """Yield each frame with its people, in order, as ``Predictor.stream``."""


def choose_predictor(runner: Runner, artifact: Artifact, options: PredictOptions) -> PosePredictor:
    """Return the predictor of poses in frames: of a network on images, or of one that lifts 2D joints.

    Raises:
        InputError: the network's family is unknown, or cannot be used with these options.
    """
    if options.refine:
        check_refine(artifact.spec)
    if options.joint_source is not None:
        return Lifter(runner, artifact.spec, options.joint_source.find)
    persons = options.person_source
    is_filtered = persons is not None and persons.producer is not None  # the detector applies the threshold
    threshold = Threshold() if is_filtered else options.threshold
    find = persons.find if persons else None
    return Predictor(runner, artifact.spec, options.camera, find, threshold, refine=options.refine)
