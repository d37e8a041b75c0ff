"""The whole chain: an image goes through preprocessing, network and decoding, and comes out as poses."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

import numpy as np

from posedeploy.errors import ArtifactError, InputError
from posedeploy.families import FAMILIES, poses_of
from posedeploy.joint_sets import sigmas_of
from posedeploy.keypoint_descriptions import undescribed
from posedeploy.poses.preprocess import prepare
from posedeploy.predict.frames import Frame
from posedeploy.predict.threshold import Threshold
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Camera, ModelSpec, Placement, Poses, Tensors

EVERYONE = Threshold()
Boxes: TypeAlias = Callable[[Frame], Array]
"""Gives the (people, 4) boxes of a frame: x, y, width, height in px."""


@dataclass
class _Waiting:
    """A frame whose inputs run: where each lies, and the poses so far."""

    frame: Frame
    placements: list[Placement]
    found: list[Poses] = field(default_factory=list)


class Predictor:
    """Finds the people in images with a network that is loaded. The runner stays its owner's to close."""

    def __init__(
        self,
        runner: Runner,
        spec: ModelSpec,
        camera: Camera | None = None,
        boxes: Boxes | None = None,
        threshold: Threshold = EVERYONE,
    ) -> None:
        """
        Args:
            boxes: finds the people in a frame, for a network that looks at one person at a time; without it
                the whole image is taken as one person's.
            threshold: which people are kept.

        Raises:
            InputError: no decoding is known for the spec's family, the network takes no image or many at
                once, an output of integers has no scale, or no person could be kept.
        """
        _check_spec(spec)
        threshold.check(spec)
        self._threshold = threshold
        self.spec = spec
        self.remarks: list[str] = []
        self._runner = adapt_runner(runner, spec)
        self._camera = camera or Camera()
        self._boxes = boxes
        self._decode = poses_of(spec.family).decode
        self.sigmas: tuple[float, ...] = sigmas_of(spec.keypoint_names)

    def __call__(self, image: Array, boxes: Array | None = None) -> Poses:
        """The people in one (H, W, 3) uint8 BGR image.

        Args:
            boxes: (people, 4) x, y, width, height in px, for a network that looks at one person at a time.

        Raises:
            InputError: the image or a box cannot become the network's input.
            ArtifactError: what the network gives is not finite.
        """
        prepared = self._inputs(image, boxes)
        return self._joined(
            [self._decoded(self._runner.run(tensors), placement) for tensors, placement in prepared]
        )

    def stream(
        self, frames: Iterable[Frame], refused: list[str] | None = None
    ) -> Generator[tuple[Frame, Poses], None, None]:
        """The people in each frame, in order; the network runs ahead while the caller works on the last ones.

        Args:
            refused: where it is given, a frame that cannot become the network's input is left out and the
                reason put here.

        Raises:
            InputError: a frame cannot become the network's input, and ``refused`` is not given.
            ArtifactError: what the network gives is not finite.
        """
        coming = iter(frames)
        running: deque[_Waiting] = deque()
        for first in coming:  # a frame without people ends a run of the network: nothing in it would come out
            for outputs in self._runner.stream(self._prepared(chain([first], coming), running, refused)):
                waiting = running[0]
                waiting.found.append(self._decoded(outputs, waiting.placements[len(waiting.found)]))
                if len(waiting.found) == len(waiting.placements):
                    yield waiting.frame, self._joined(running.popleft().found)
            while running:
                yield running.popleft().frame, self._joined([])

    def _prepared(
        self, frames: Iterable[Frame], running: deque[_Waiting], refused: list[str] | None
    ) -> Iterator[Tensors]:
        for frame in frames:
            try:
                prepared = self._inputs(frame.image, self._boxes(frame) if self._boxes else None)
            except InputError as error:
                if refused is None:
                    raise InputError(f"{frame.name}: {error}") from error
                refused.append(f"{frame.name}: {error}")
                continue
            running.append(_Waiting(frame, [placement for _, placement in prepared]))
            yield from (tensors for tensors, _ in prepared)
            if not prepared:
                return

    def _inputs(self, image: Array, boxes: Array | None) -> list[tuple[Tensors, Placement]]:
        if boxes is None:
            return [prepare(image, self.spec)]
        return [prepare(image, self.spec, box) for box in boxes]

    def _decoded(self, outputs: Tensors, placement: Placement) -> Poses:
        return self._decode(finite(outputs, self.spec), self.spec, placement, self._camera)

    def _joined(self, found: list[Poses]) -> Poses:
        if len(found) == 1:
            return self._threshold.keep(found[0])
        joints = len(self.spec.keypoint_names)
        nobody = Poses(
            np.zeros((0, joints, 3)),
            np.zeros(0),
            np.zeros((0, joints, 4)) if self.spec.unit == "mm" else None,
        )
        return self._threshold.keep(joined(found or [nobody]))


def finite(outputs: Tensors, spec: ModelSpec) -> Tensors:
    """The outputs as they are.

    Raises:
        ArtifactError: one that poses are decoded from holds NaN or infinity.
    """
    for name in spec.roles.values():
        if name in outputs and not np.isfinite(outputs[name]).all():
            raise ArtifactError(
                f"{name} of this network is NaN or infinite here, so there are no poses in it; `posedeploy "
                "parity` tells whether PyTorch gives the same, and an export in float32 may help"
            )
    return outputs


def joined(found: Sequence[Poses]) -> Poses:
    """The people of several answers of one network as one."""
    return Poses(
        np.concatenate([poses.keypoints for poses in found]),
        np.concatenate([poses.scores for poses in found]),
        _together([poses.keypoints_3d for poses in found]),
        vertices=_together([poses.vertices for poses in found]),
        root_relative=found[0].root_relative,
    )


def _together(parts: Sequence[Array | None]) -> Array | None:
    given = [part for part in parts if part is not None]
    return np.concatenate(given) if given else None


def check_family(spec: ModelSpec) -> None:
    """Refuse a network of which nothing here knows how its outputs become poses.

    Raises:
        InputError: it is such a one.
    """
    if spec.family not in FAMILIES:
        raise InputError(
            f"nothing here says how the outputs of this network ({spec.family!r}) become poses; name "
            f"its `family` ({', '.join(FAMILIES)}), or describe it with `contract=FILE`"
        )
    if missing := undescribed(spec):
        raise InputError(missing)


def finds_nobody(family: str) -> str:
    """What is told of a network on joints where people are to be found in images."""
    return (
        f"{family} takes the 2D joints of people and no image, so it cannot look for people in one; give a "
        "network that does, such as lightweight-openpose-2d"
    )


def _check_spec(spec: ModelSpec) -> None:
    check_family(spec)
    if spec.joints is not None:
        raise InputError(finds_nobody(spec.family))
    images = spec.inputs[0].shape[0] if spec.inputs and spec.inputs[0].shape else 1
    if isinstance(images, int) and images != 1:
        raise InputError(
            f"this network takes {images} images at once ({spec.inputs[0]}) and is given one at a "
            "time; export it again without `batch`, or with `dynamic`"
        )
