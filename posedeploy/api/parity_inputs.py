"""The inputs of a comparison: noise, synthetic people and the user's images."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from posedeploy.api.model_args import format_paths
from posedeploy.benchmarks.inputs import (
    SEED,
    NetworkInput,
    build_image_inputs,
    build_noise_input,
    build_people_inputs,
    check_inputs_fit,
    generate_noise_images,
    generate_synthetic_images,
    match_candidate,
    with_fixed_size,
    with_other_size,
)
from posedeploy.calibration.overlap import OverlapCheck
from posedeploy.errors import InputError
from posedeploy.predict.image_files import open_several
from posedeploy.predict.images import read_picture
from posedeploy.synthetic.jpeg import round_trip_jpeg
from posedeploy.types import Array, Calibration, ModelSpec, Ranges

logger = logging.getLogger(__name__)

NOISE, SYNTHETIC = 2, 4
"""The numbers of noise images and of synthetic images."""
JPEG_QUALITY = 95
"""The quality of the images that show the effect of JPEG compression alone."""


@dataclass(frozen=True)
class InputPairs:
    """Pairs of inputs: each in the form of the reference and in that of the candidate.

    The user's images are read each time they are used, so that memory does not grow with their number.

    generated: noise and synthetic inputs. files: the name and path of each image. specs: the specs of both
    networks.
    """

    generated: tuple[tuple[NetworkInput, NetworkInput], ...]
    files: tuple[tuple[str, Path], ...] = ()
    specs: tuple[ModelSpec, ModelSpec] | None = None

    def __len__(self) -> int:
        return len(self.generated) + len(self.files)

    def __iter__(self) -> Iterator[tuple[NetworkInput, NetworkInput]]:
        yield from self.generated
        for name, path in self.files:
            assert self.specs is not None, "images have specs"
            reference, candidate = self.specs
            yield from make_pairs(reference, candidate, [(name, read_picture(path).pixels)])


@dataclass(frozen=True)
class ParityInputs:
    """The inputs of a comparison.

    jpegs: for the synthetic people of the first size, the reference's input and that of the image as JPEG.
    """

    pairs: InputPairs
    jpegs: list[tuple[NetworkInput, NetworkInput]]

    @property
    def noise_floor_inputs(self) -> list[NetworkInput]:
        """The reference's inputs for its noise floor: those of the first size."""
        return [reference for reference, _ in self.pairs.generated[: NOISE + SYNTHETIC]]


def build_parity_inputs(
    reference: ModelSpec,
    candidate: ModelSpec,
    images: Sequence[Path],
    ranges: Ranges,
    calibration: Calibration | None = None,
    readable: Sequence[tuple[str, Path]] = (),
) -> ParityInputs:
    """Return the inputs, within these ranges, for networks on images, on 2D joints or on any tensors.

    readable: the names and paths of images that were already read once, instead of ``images``.

    Raises:
        InputError: the network takes no images, none of the images can be read, or some of them calibrated
            the candidate.
    """
    if candidate.joints is not None:
        _reject_images(images, "takes 2D joints")
        people = build_people_inputs(candidate, SYNTHETIC, ranges, seed=SEED)
        return ParityInputs(InputPairs(tuple(zip(people, people, strict=True))), [])
    if candidate.contract is None:
        _reject_images(images, "has no image contract")
        check_inputs_fit(reference, candidate)
        noise = build_noise_input(candidate)
        return ParityInputs(InputPairs(((noise, noise),)), [])
    files = list_readable(images, calibration) if images else readable
    generated: list[tuple[NetworkInput, NetworkInput]] = []
    sets = _generate(candidate, ranges)
    for spec, named in sets:
        generated += make_pairs(reference, spec, named)
    spec, named = sets[0]
    compressed = [(name, round_trip_jpeg(image, JPEG_QUALITY)) for name, image in named[NOISE:]]
    originals = [original for original, _ in generated[NOISE : NOISE + SYNTHETIC]]
    jpegs = build_image_inputs(match_candidate(reference, spec), compressed)
    pairs = InputPairs(tuple(generated), tuple(files), (reference, candidate))
    return ParityInputs(pairs, list(zip(originals, jpegs, strict=True)))


def make_pairs(
    reference: ModelSpec, candidate: ModelSpec, named: Sequence[tuple[str, Array]]
) -> list[tuple[NetworkInput, NetworkInput]]:
    """Return images with their names as inputs in the forms of the reference and of the candidate."""
    references = build_image_inputs(match_candidate(reference, candidate), named)
    return list(zip(references, build_image_inputs(candidate, named), strict=True))


def _reject_images(images: Sequence[Path], why: str) -> None:
    if images:
        raise InputError(f"`images={format_paths(images)}`: this network {why}; leave it out")


def _generate(candidate: ModelSpec, ranges: Ranges) -> list[tuple[ModelSpec, list[tuple[str, Array]]]]:
    """Return noise and synthetic images of the default size and, for dynamic axes, of another size."""
    specs = [with_fixed_size(candidate, ranges=ranges)]
    if candidate.inputs[0].is_dynamic:
        specs.append(with_other_size(candidate, ranges))
    return [
        (
            spec,
            [
                *(
                    (f"noise {index}", image)
                    for index, image in enumerate(generate_noise_images(spec, NOISE))
                ),
                *(
                    (f"synthetic {index}", image)
                    for index, image in enumerate(generate_synthetic_images(spec, SYNTHETIC))
                ),
            ],
        )
        for spec in specs
    ]


def list_readable(images: Sequence[Path], calibration: Calibration | None) -> list[tuple[str, Path]]:
    """Return the user's images, after each was read once, so that unreadable ones are reported at the start.

    Raises:
        InputError: none of them can be read, or some of them calibrated the network.
    """
    source, overlap = open_several(images), OverlapCheck(calibration)
    readable = []
    for frame in source:
        overlap.add(frame.name, frame.image)
        readable.append((frame.name, source.inputs[frame.index]))
    if not readable:
        raise InputError(f"`images={format_paths(images)}`: {'; '.join(source.problems)}")
    for remark in source.remarks:
        logger.info(remark)
    for problem in source.problems:
        logger.warning(problem)
    overlap.report(f"`images={format_paths(images)}`", len(readable), "pass other images")
    return readable
