"""What an artifact and its checkpoint are compared on: noise, drawn people and the user's images."""

from __future__ import annotations

import logging
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
from posedeploy.errors import InputError
from posedeploy.predict.image_files import open_images
from posedeploy.synthetic.jpeg import compressed
from posedeploy.types import Array, ModelSpec, Ranges

logger = logging.getLogger(__name__)

NOISE, DRAWN = 2, 4
"""Images of noise and of drawn people on which the two are compared, beside the user's."""
JPEG_QUALITY = 95
"""That of the images that show how much of a difference an image file itself makes."""


@dataclass(frozen=True)
class ParityInputs:
    """The same inputs for both sides.

    pairs: each as the reference and as the candidate want it. jpegs: for the drawn people of the first size,
    the reference's input and the same from the image compressed as JPEG.
    """

    pairs: list[tuple[Sample, Sample]]
    jpegs: list[tuple[Sample, Sample]]

    @property
    def for_noise(self) -> list[Sample]:
        """The reference's inputs that its noise floor is measured on: those of the first size."""
        return [ours for ours, _ in self.pairs[: NOISE + DRAWN]]


def parity_inputs(
    reference: ModelSpec, candidate: ModelSpec, images: Path | None, ranges: Ranges
) -> ParityInputs:
    """The inputs, within these ranges, for networks on images, on 2D joints or on tensors that nothing is
    known of.

    Raises:
        InputError: images are given for a network that takes none, or none of them can be read.
    """
    if candidate.joints is not None:
        _refuse(images, "takes 2D joints")
        people = people_samples(candidate, DRAWN, ranges)
        return ParityInputs(list(zip(people, people, strict=True)), [])
    if candidate.contract is None:
        _refuse(images, "has no image contract")
        sample = random_tensors(candidate)
        return ParityInputs([(sample, sample)], [])
    pairs: list[tuple[Sample, Sample]] = []
    sets = _images(candidate, images, ranges)
    for spec, named in sets:
        ours = image_samples(plain(reference, spec), named)
        pairs += zip(ours, image_samples(spec, named), strict=True)
    spec, named = sets[0]
    drawn = [(name, compressed(image, JPEG_QUALITY)) for name, image in named[NOISE:]]
    originals = [ours for ours, _ in pairs[NOISE : NOISE + DRAWN]]
    jpegs = image_samples(plain(reference, spec), drawn)
    return ParityInputs(pairs, list(zip(originals, jpegs, strict=True)))


def _refuse(images: Path | None, why: str) -> None:
    if images is not None:
        raise InputError(f"`images`: this network {why}, so no image can be given to it; leave it out")


def _images(
    candidate: ModelSpec, images: Path | None, ranges: Ranges
) -> list[tuple[ModelSpec, list[tuple[str, Array]]]]:
    """Noise and drawn people at the working size, at another one where axes are free, then the user's."""
    chosen = [sized(candidate, ranges=ranges)]
    if candidate.inputs[0].is_dynamic:
        chosen.append(resized(candidate, ranges))
    named = [
        (
            spec,
            [
                *((f"noise {index}", image) for index, image in enumerate(random_images(spec, NOISE))),
                *((f"drawn {index}", image) for index, image in enumerate(drawn_images(spec, DRAWN))),
            ],
        )
        for spec in chosen
    ]
    return named + ([(candidate, _read(images))] if images is not None else [])


def _read(images: Path) -> list[tuple[str, Array]]:
    """The user's images.

    Raises:
        InputError: none of them can be read.
    """
    source = open_images(images)
    read = [(frame.name, frame.image) for frame in source]
    if not read:
        raise InputError(f"`images={images}`: {'; '.join(source.problems)}")
    for remark in source.remarks:
        logger.info(remark)
    for problem in source.problems:
        logger.warning(problem)
    return read
