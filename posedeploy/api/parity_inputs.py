"""What an artifact and its checkpoint are compared on: noise, drawn people and the user's images."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from posedeploy.benchmarks.inputs import (
    Sample,
    drawn_images,
    image_samples,
    people_samples,
    plain,
    random_images,
    random_tensors,
    resized,
    sized,
)
from posedeploy.calibration.overlap import OverlapCheck
from posedeploy.errors import InputError
from posedeploy.predict.image_files import open_images
from posedeploy.predict.images import read_picture
from posedeploy.synthetic.jpeg import round_trip_jpeg
from posedeploy.types import Array, Calibration, ModelSpec, Ranges

logger = logging.getLogger(__name__)

NOISE, DRAWN = 2, 4
"""Images of noise and of drawn people on which the two are compared, beside the user's."""
JPEG_QUALITY = 95
"""That of the images that show how much of a difference an image file itself makes."""


@dataclass(frozen=True)
class InputPairs:
    """Inputs by pairs, each as the reference and as the candidate want it.

    The user's images are read each time they are used, so that memory does not grow with their number.

    generated: those made here. files: the name and the path of each image, for both specs.
    """

    generated: tuple[tuple[Sample, Sample], ...]
    files: tuple[tuple[str, Path], ...] = ()
    specs: tuple[ModelSpec, ModelSpec] | None = None

    def __len__(self) -> int:
        return len(self.generated) + len(self.files)

    def __iter__(self) -> Iterator[tuple[Sample, Sample]]:
        yield from self.generated
        for name, path in self.files:
            assert self.specs is not None, "images have specs"
            reference, candidate = self.specs
            yield from _pairs(reference, candidate, [(name, read_picture(path).pixels)])


@dataclass(frozen=True)
class ParityInputs:
    """The same inputs for both sides.

    jpegs: for the drawn people of the first size, the reference's input and the same from the image as JPEG.
    """

    pairs: InputPairs
    jpegs: list[tuple[Sample, Sample]]

    @property
    def for_noise(self) -> list[Sample]:
        """The reference's inputs that its noise floor is measured on: those of the first size."""
        return [ours for ours, _ in self.pairs.generated[: NOISE + DRAWN]]


def parity_inputs(
    reference: ModelSpec,
    candidate: ModelSpec,
    images: Path | None,
    ranges: Ranges,
    calibration: Calibration | None = None,
) -> ParityInputs:
    """The inputs, within these ranges, for networks on images, on 2D joints or on tensors that nothing is
    known of.

    Raises:
        InputError: images are given for a network that takes none, or none of them can be read, or some of
            them calibrated the candidate.
    """
    if candidate.joints is not None:
        _refuse(images, "takes 2D joints")
        people = people_samples(candidate, DRAWN, ranges)
        return ParityInputs(InputPairs(tuple(zip(people, people, strict=True))), [])
    if candidate.contract is None:
        _refuse(images, "has no image contract")
        sample = random_tensors(candidate)
        return ParityInputs(InputPairs(((sample, sample),)), [])
    files = _readable(images, calibration) if images is not None else []
    generated: list[tuple[Sample, Sample]] = []
    sets = _generated(candidate, ranges)
    for spec, named in sets:
        generated += _pairs(reference, spec, named)
    spec, named = sets[0]
    drawn = [(name, round_trip_jpeg(image, JPEG_QUALITY)) for name, image in named[NOISE:]]
    originals = [ours for ours, _ in generated[NOISE : NOISE + DRAWN]]
    jpegs = image_samples(plain(reference, spec), drawn)
    pairs = InputPairs(tuple(generated), tuple(files), (reference, candidate))
    return ParityInputs(pairs, list(zip(originals, jpegs, strict=True)))


def _pairs(
    reference: ModelSpec, candidate: ModelSpec, named: Sequence[tuple[str, Array]]
) -> list[tuple[Sample, Sample]]:
    ours = image_samples(plain(reference, candidate), named)
    return list(zip(ours, image_samples(candidate, named), strict=True))


def _refuse(images: Path | None, why: str) -> None:
    if images is not None:
        raise InputError(f"`images`: this network {why}, so no image can be given to it; leave it out")


def _generated(candidate: ModelSpec, ranges: Ranges) -> list[tuple[ModelSpec, list[tuple[str, Array]]]]:
    """Noise and drawn people at the working size, and at another one where axes are free."""
    chosen = [sized(candidate, ranges=ranges)]
    if candidate.inputs[0].is_dynamic:
        chosen.append(resized(candidate, ranges))
    return [
        (
            spec,
            [
                *((f"noise {index}", image) for index, image in enumerate(random_images(spec, NOISE))),
                *((f"drawn {index}", image) for index, image in enumerate(drawn_images(spec, DRAWN))),
            ],
        )
        for spec in chosen
    ]


def _readable(images: Path, calibration: Calibration | None) -> list[tuple[str, Path]]:
    """The user's images: each is read once, so that one that cannot be is left out and reported at the start.

    Raises:
        InputError: none of them can be read, or some of them calibrated the network.
    """
    source, overlap = open_images(images), OverlapCheck(calibration)
    readable = []
    for frame in source:
        overlap.add(frame.name, frame.image)
        readable.append((frame.name, source.inputs[frame.index]))
    if not readable:
        raise InputError(f"`images={images}`: {'; '.join(source.problems)}")
    for remark in source.remarks:
        logger.info(remark)
    for problem in source.problems:
        logger.warning(problem)
    overlap.report(images, len(readable))
    return readable
