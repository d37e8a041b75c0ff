"""The prediction chain of networks on images: preprocessing, inference and decoding."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeAlias

import numpy as np

from posedeploy.decoders import decoder_of
from posedeploy.errors import ArtifactError, InputError
from posedeploy.families import has_decoding, list_decodable, poses_of
from posedeploy.joint_sets import sigmas_of
from posedeploy.keypoint_descriptions import find_missing_description
from posedeploy.poses.preprocess import prepare
from posedeploy.predict.frames import Frame
from posedeploy.predict.threshold import Threshold
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Camera, ModelSpec, Placement, Poses, Tensors

EVERYONE = Threshold()
Boxes: TypeAlias = Callable[[Frame], Array]
"""Returns the (people, 4) boxes of a frame: x, y, width, height in px."""


class Predictor:
    """A loaded network that estimates the poses in images. The caller closes the runner."""

    def __init__(
        self,
        runner: Runner,
        spec: ModelSpec,
        camera: Camera | None = None,
        boxes: Boxes | None = None,
        threshold: Threshold = EVERYONE,
        *,
        refine: bool = False,
    ) -> None:
        """
        Args:
            boxes: the source of the boxes of people, for a network that takes one person at a time. None
                uses the whole image as the box of one person.
            threshold: selects the people to keep.
            refine: compute positions between the cells of the heatmaps, for a family with heatmaps.

        Raises:
            InputError: the family has no decoding, or no heatmaps for ``refine``; the network takes no image
                or a fixed batch of several; an integer output has no scale; or the threshold excludes
                everyone.
        """
        _check_spec(spec)
        threshold.check(spec)
        self._threshold = threshold
        self.spec = spec
        self.remarks: list[str] = []
        self._runner = adapt_runner(runner, spec)
        self._camera = camera or Camera()
        self._boxes = boxes
        self._decode = decoder_of(spec, self._camera, refine=refine)
        self.sigmas: tuple[float, ...] = sigmas_of(spec.keypoint_names)

    def __call__(self, image: Array, boxes: Array | None = None) -> Poses:
        """Return the people in one (H, W, 3) uint8 BGR image.

        Args:
            boxes: (people, 4) x, y, width, height in px, for a network that takes one person at a time.

        Raises:
            InputError: the image or a box cannot become the network's input.
            ArtifactError: an output of the network is not finite.
        """
        prepared = self._prepare_inputs(image, boxes)
        return self._select(
            [self._decode_outputs(self._runner.run(tensors), placement) for tensors, placement in prepared]
        )

    def preprocess(self, image: Array) -> tuple[Tensors, Placement]:
        """Return the network's inputs for one image, (H, W, 3) uint8 BGR, and the position of the image in
        them.

        Raises:
            InputError: the image cannot become the network's input.
        """
        return prepare(image, self.spec)

    def run(self, tensors: Tensors) -> Tensors:
        """Return the outputs that ``decode`` takes."""
        return self._runner.run(tensors)

    def decode(self, outputs: Tensors, placement: Placement) -> Poses:
        """Return the people in the outputs for one image.

        Raises:
            ArtifactError: an output of the network is not finite.
        """
        return self._select([self._decode_outputs(outputs, placement)])

    def stream(
        self, frames: Iterable[Frame], rejected: list[str] | None = None
    ) -> Generator[tuple[Frame, Poses], None, None]:
        """Yield each frame with its people, in order. The network runs ahead of the caller.

        Args:
            rejected: if given, a frame that cannot become the network's input is left out, and the reason is
                appended to this list.

        Raises:
            InputError: a frame cannot become the network's input, and ``rejected`` is None.
            ArtifactError: an output of the network is not finite.
        """
        remaining = iter(frames)
        pending: deque[tuple[Frame, list[Placement]]] = deque()
        for first in remaining:
            outputs = self._runner.stream(self._prepare(chain([first], remaining), pending, rejected))
            for output in outputs:
                frame, placements = pending.popleft()
                # The placements come first, so that zip reads no output of the next frame.
                people = zip(placements, chain([output], outputs), strict=False)
                decoded = [self._decode_outputs(each, placement) for placement, each in people]
                yield frame, self._select(decoded)
            while pending:  # a frame without people has no inputs, so it ends the runner's stream
                yield pending.popleft()[0], self._select([])

    def _prepare(
        self,
        frames: Iterable[Frame],
        pending: deque[tuple[Frame, list[Placement]]],
        rejected: list[str] | None,
    ) -> Iterator[Tensors]:
        """Yield the inputs of frames up to the first without people; queue each frame with its placements."""
        for frame in frames:
            try:
                prepared = self._prepare_inputs(frame.image, self._boxes(frame) if self._boxes else None)
            except InputError as error:
                if rejected is None:
                    raise InputError(f"{frame.name}: {error}") from error
                rejected.append(f"{frame.name}: {error}")
                continue
            pending.append((frame, [placement for _, placement in prepared]))
            yield from (tensors for tensors, _ in prepared)
            if not prepared:
                return

    def _prepare_inputs(self, image: Array, boxes: Array | None) -> list[tuple[Tensors, Placement]]:
        if boxes is None:
            return [prepare(image, self.spec)]
        return [prepare(image, self.spec, box) for box in boxes]

    def _decode_outputs(self, outputs: Tensors, placement: Placement) -> Poses:
        return self._decode(check_finite(outputs, self.spec), placement)

    def _select(self, parts: list[Poses]) -> Poses:
        if len(parts) == 1:
            return self._threshold.keep(parts[0])
        joints = len(self.spec.keypoint_names)
        nobody = Poses(
            np.zeros((0, joints, 3)),
            np.zeros(0),
            np.zeros((0, joints, 4)) if self.spec.unit == "mm" else None,
        )
        return self._threshold.keep(concatenate_poses(parts or [nobody]))


def check_finite(outputs: Tensors, spec: ModelSpec) -> Tensors:
    """Return the outputs unchanged.

    Raises:
        ArtifactError: an output that poses are decoded from contains NaN or infinity.
    """
    for name in spec.roles.values():
        if name in outputs and not np.isfinite(outputs[name]).all():
            raise ArtifactError(
                f"output {name} contains NaN or infinity: no poses can be decoded from it; run `posedeploy "
                "parity` to compare it with PyTorch, or export the network in fp32"
            )
    return outputs


def concatenate_poses(parts: Sequence[Poses]) -> Poses:
    """Return the people of several results of one network as one."""
    return Poses(
        np.concatenate([poses.keypoints for poses in parts]),
        np.concatenate([poses.scores for poses in parts]),
        _concatenate([poses.keypoints_3d for poses in parts]),
        vertices=_concatenate([poses.vertices for poses in parts]),
        root_relative=parts[0].root_relative,
    )


def _concatenate(parts: Sequence[Array | None]) -> Array | None:
    arrays = [part for part in parts if part is not None]
    return np.concatenate(arrays) if arrays else None


def check_family(spec: ModelSpec) -> None:
    """Check that the network's outputs can be decoded into poses.

    Raises:
        InputError: the family is unknown, or the contract does not describe the keypoints.
    """
    if not has_decoding(spec.family):
        raise InputError(
            f"cannot decode poses: the family {spec.family!r} of the network is unknown; pass its `family` "
            f"({', '.join(list_decodable())}), or describe it with `contract=FILE`, a file "
            "that `posedeploy contract new FAMILY` starts"
        )
    takes_joints = poses_of(spec.family).CONTRACT is None
    if takes_joints != (spec.joints is not None):
        kinds = ("2D joints", "images") if takes_joints else ("images", "2D joints")
        raise InputError(
            f"cannot decode poses: {spec.family} takes {kinds[0]}, but the manifest or contract of the "
            f"network describes {kinds[1]}; pass the right `family`"
        )
    if reason := find_missing_description(spec):
        raise InputError(reason)


def needs_joints_message(family: str) -> str:
    """Return the message for a network on 2D joints that is used like one on images."""
    return (
        f"{family} takes 2D joints, not images, so it cannot detect people; use a network that does, such as "
        "lightweight-openpose-2d"
    )


def _check_spec(spec: ModelSpec) -> None:
    check_family(spec)
    if spec.joints is not None:
        raise InputError(needs_joints_message(spec.family))
    batch = spec.inputs[0].shape[0] if spec.inputs and spec.inputs[0].shape else 1
    if isinstance(batch, int) and batch != 1:
        raise InputError(
            f"input {spec.inputs[0]} has a fixed batch of {batch}; prediction needs a batch of 1; export the "
            "network again without `batch`, or with `dynamic`"
        )
