"""The inputs that the poses of an export are compared on, none of which calibrated the network."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from posedeploy.api.model_args import format_paths
from posedeploy.api.parity_inputs import JPEG_QUALITY, make_pair
from posedeploy.benchmarks.input_shapes import match_candidate
from posedeploy.benchmarks.inputs import NetworkInput, build_image_input
from posedeploy.benchmarks.synthetic_inputs import (
    RANDOM_JOINTS,
    NamedImage,
    build_people_inputs,
    generate_images,
    has_synthetic_joints,
)
from posedeploy.calibration.held_out import SPLIT, read_held_out
from posedeploy.calibration.image_hashes import pixel_hash
from posedeploy.calibration.overlap import OverlapCheck
from posedeploy.calibration.spilled_tensors import SpilledTensors
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import InputError
from posedeploy.own_keypoints import joint_set_of
from posedeploy.predict.image_files import open_several
from posedeploy.printable import counted
from posedeploy.synthetic.jpeg import round_trip_jpeg
from posedeploy.types import Calibration, ModelSpec, Placed

SYNTHETIC_IMAGES = 24
SEED = 20270115
"""Of the synthetic people, other than those that calibrate a network."""
RANKING_INPUTS = 8
"""The number of inputs on which the effect of single layers is measured."""
logger = logging.getLogger(__name__)


class HeldOutInputs:
    """Pairs of inputs, in the forms of PyTorch and of the exported file, in a temporary file.

    source: a sentence on their origin. pixels: the SHA-256 of the pixels of each image. jpegs: for each pair
    of an image, the input of PyTorch and that of the image saved as JPEG.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.pixels: list[str] = []
        self._tensors = [SpilledTensors() for _ in range(3)]
        self._named: list[tuple[str, tuple[Placed, ...]]] = []
        self._has_jpegs = False

    def append(
        self, reference: NetworkInput, candidate: NetworkInput, jpeg: NetworkInput | None = None
    ) -> None:
        """Add a pair; all pairs have a JPEG, or none."""
        self._named.append((candidate.name, candidate.placements))
        self._has_jpegs = jpeg is not None
        for spilled, network_input in zip(self._tensors, (reference, candidate, jpeg), strict=True):
            if network_input is not None:
                spilled.append(network_input.tensors)

    def __len__(self) -> int:
        return len(self._named)

    def __iter__(self) -> Iterator[tuple[NetworkInput, NetworkInput]]:
        return (self._pair(index, 1) for index in range(len(self)))

    def jpegs(self) -> list[tuple[NetworkInput, NetworkInput]]:
        """Return the pairs of PyTorch's input of an image and that of the image saved as JPEG."""
        return [self._pair(index, 2) for index in range(len(self))] if self._has_jpegs else []

    def for_ranking(self) -> list[tuple[NetworkInput, NetworkInput]]:
        """Return a few pairs, evenly spaced."""
        step = max(1, len(self) // RANKING_INPUTS)
        return list(islice(self, 0, step * RANKING_INPUTS, step))

    def _pair(self, index: int, other: int) -> tuple[NetworkInput, NetworkInput]:
        name, placements = self._named[index]
        first, second = self._tensors[0][index], self._tensors[other][index]
        return NetworkInput(name, first, placements), NetworkInput(name, second, placements)


def build_held_out_inputs(
    reference: ModelSpec, candidate: ModelSpec, options: ExportOptions, calibration: Calibration | None
) -> HeldOutInputs:
    """Return the inputs of ``options.images``, or of a part of the calibration images, or synthetic ones.

    Args:
        reference, candidate: the specs of the checkpoint and of the exported network.
        calibration: what the network was calibrated with; None for a precision without calibration.

    Raises:
        InputError: an image calibrated the network, or none can be used.
    """
    if candidate.joints is not None:
        return _build_people(candidate, options)
    source, images = _select_images(candidate, options)
    inputs, overlap = HeldOutInputs(source), OverlapCheck(calibration)
    calibrating = set(calibration.pixels if calibration else ())
    repeated, problems = 0, list[str]()
    for name, image, box in images:
        pixels = pixel_hash(image)
        if not options.images and pixels in calibrating:
            repeated += 1
            continue
        compressed = round_trip_jpeg(image, JPEG_QUALITY)
        try:
            pair = make_pair(reference, candidate, name, image, box)
            jpeg = build_image_input(match_candidate(reference, candidate), name, compressed, box)
        except InputError as error:  # such as an image that is too thin
            problems.append(str(error))
            continue
        overlap.add(name, image)
        inputs.pixels.append(pixels)
        inputs.append(*pair, jpeg)
    for problem in problems:
        logger.warning(f"left out of the held-out images: {problem}")
    if problems and not len(inputs):
        raise InputError(f"no image can be used to compare poses: {problems[0]}")
    _report(options, inputs, overlap, repeated)
    return inputs


def _report(options: ExportOptions, inputs: HeldOutInputs, overlap: OverlapCheck, repeated: int) -> None:
    if repeated:
        logger.warning(
            f"{counted(repeated, 'held-out image')} left out, because calibration images have the same pixels"
        )
    if not len(inputs):
        raise InputError(
            f"`calibration={options.calibration[0]}`: no image can be held out to compare poses, because all "
            "of them also calibrate the network; pass other images as `images`"
        )
    # Only ``images`` can have calibration images: those of other sources were left out above.
    overlap.report(f"`images={format_paths(options.images)}`", len(inputs), "pass other images")


def _select_images(candidate: ModelSpec, options: ExportOptions) -> tuple[str, Iterable[NamedImage]]:
    """Return a sentence on the origin of the images, and the images."""
    if options.images:
        return f"`images={format_paths(options.images)}`", _read_images(tuple(map(Path, options.images)))
    if options.calibration:
        frames = read_held_out(options.calibration, options.calibration_images)
        return SPLIT, (NamedImage(frame.label, frame.image) for frame in frames)
    logger.warning(
        "the poses are compared on synthetic people, because no `images` were passed; photographs from the "
        "place where the network will be used prove more"
    )
    return "synthetic people", generate_images(candidate, SYNTHETIC_IMAGES, SEED)


def _read_images(paths: Sequence[Path]) -> Iterator[NamedImage]:
    source, count = open_several(paths), 0
    for frame in source:
        count += 1
        yield NamedImage(frame.name, frame.image)
    if not count:
        raise InputError(
            f"`images={format_paths(paths)}`: {'; '.join(source.problems) or 'it has no images'}"
        )
    for problem in source.problems:
        logger.warning(f"left out of the held-out images: {problem}")


def _build_people(candidate: ModelSpec, options: ExportOptions) -> HeldOutInputs:
    if options.images:
        raise InputError(
            f"`images={format_paths(options.images)}`: this network takes 2D joints; leave it out"
        )
    is_synthetic = has_synthetic_joints(joint_set_of(candidate))
    if not is_synthetic:
        logger.warning(f"the poses are compared on {RANDOM_JOINTS}")
    inputs = HeldOutInputs("synthetic people" if is_synthetic else "random 2D joints")
    for people in build_people_inputs(candidate, SYNTHETIC_IMAGES, seed=SEED):
        inputs.append(people, people)
    return inputs
