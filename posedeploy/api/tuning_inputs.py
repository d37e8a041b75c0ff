"""The inputs on which a search measures errors: synthetic people and the user's images, or 2D joints."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from posedeploy.api.model_args import format_paths
from posedeploy.api.readable_images import list_readable
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.benchmarks.inputs import SEED, NetworkInput, build_image_input
from posedeploy.benchmarks.synthetic_inputs import (
    RANDOM_JOINTS,
    NamedImage,
    generate_images_of_input_size,
    generate_joints,
    has_synthetic_joints,
)
from posedeploy.calibration.collect import check_sources
from posedeploy.calibration.image_hashes import perceptual_hash, pixel_hash
from posedeploy.calibration.image_selection import select_images
from posedeploy.errors import InputError
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.preprocess_joints import prepare_joints
from posedeploy.predict.images import read_picture
from posedeploy.types import Array, Calibration, ModelSpec, PlacedJoints

SYNTHETIC, SYNTHETIC_BESIDES_IMAGES = 24, 4
"""The numbers of images of synthetic people without and with images of the user."""
PEOPLE = 16
"""The number of people for a network on 2D joints."""
MAX_IMAGES = 128
"""The most images of the user that errors are measured on."""
logger = logging.getLogger(__name__)


class ErrorInputs(Protocol):
    """Numbered inputs for networks of any input size and batch. files: the images of the user, with names."""

    @property
    def files(self) -> tuple[tuple[str, Path], ...]: ...

    def __len__(self) -> int: ...

    def build(self, spec: ModelSpec, numbers: Sequence[int]) -> Iterator[tuple[int, NetworkInput]]:
        """Yield each input for a network of fixed shapes. Only its first placement counts."""


@dataclass(frozen=True)
class ErrorImages:
    """Images of synthetic people, and images of the user, which are read when they are used."""

    synthetic: tuple[NamedImage, ...] = field(repr=False)
    files: tuple[tuple[str, Path], ...] = ()

    def __len__(self) -> int:
        return len(self.synthetic) + len(self.files)

    def build(self, spec: ModelSpec, numbers: Sequence[int]) -> Iterator[tuple[int, NetworkInput]]:
        """Yield each image as an input."""
        for number in numbers:
            yield number, build_image_input(spec, *self._named(number))

    def _named(self, number: int) -> NamedImage:
        if number < len(self.synthetic):
            return self.synthetic[number]
        name, path = self.files[number - len(self.synthetic)]
        return NamedImage(name, read_picture(path).pixels)


@dataclass(frozen=True)
class ErrorPeople:
    """The 2D joints of people: (people, joints, 3) x px, y px and score."""

    joints: Array = field(repr=False)
    files: tuple[tuple[str, Path], ...] = ()

    def __len__(self) -> int:
        return len(self.joints)

    def build(self, spec: ModelSpec, numbers: Sequence[int]) -> Iterator[tuple[int, NetworkInput]]:
        """Yield each person as an input, repeated where the network takes several people."""
        batch = spec.inputs[0].shape[0]
        for number in numbers:
            person = self.joints[number : number + 1]
            people = np.repeat(person, batch if isinstance(batch, int) else 1, axis=0)
            tensors, placed = prepare_joints(people, spec)
            placements = tuple(PlacedJoints(each[None]) for each in placed.joints)
            yield number, NetworkInput(f"person {number}", tensors, placements)


def collect_inputs(spec: ModelSpec, images: Sequence[Path]) -> ErrorInputs:
    """Return the inputs for a network.

    Args:
        spec: the spec of the reference, at the published input size.

    Raises:
        InputError: the network takes no images, or none of the images can be read.
    """
    if spec.joints is not None:
        if images:
            raise InputError(f"`images={format_paths(images)}`: this network takes 2D joints; leave it out")
        joint_set = joint_set_of(spec)
        if not has_synthetic_joints(joint_set):
            logger.warning(f"errors are measured on {RANDOM_JOINTS}")
        return ErrorPeople(generate_joints(joint_set, PEOPLE, SEED))
    count = SYNTHETIC_BESIDES_IMAGES if images else SYNTHETIC
    synthetic = tuple(generate_images_of_input_size(with_fixed_size(spec), count))
    return ErrorImages(synthetic, _select(spec, images) if images else ())


def check_readable(images: Iterable[tuple[str, Path]]) -> None:
    """Read the images again after an error.

    Raises:
        InputError: one cannot be read now, so that no candidate is the cause of the error.
    """
    for _, path in images:
        read_picture(path)


def check_calibration(
    spec: ModelSpec, images: Sequence[Path], calibration: Sequence[str], count: int
) -> None:
    """Check that the calibration images can be read, and that errors are not measured on them.

    Args:
        spec: the spec of the reference.

    Raises:
        InputError: the network takes no images, some images are in both sets, or one set cannot be read.
    """
    if not calibration:
        return
    check_sources(spec, calibration)
    selection = select_images(calibration, count)
    if not images:
        next(selection.frames)
        return
    hashes = [(pixel_hash(frame.image), perceptual_hash(frame.image)) for frame in selection.frames]
    pixels, perceptual = zip(*hashes, strict=True)
    list_readable(
        images,
        Calibration(source="images", sha256="", count=len(hashes), pixels=pixels, perceptual=perceptual),
    )


def _select(spec: ModelSpec, images: Sequence[Path]) -> tuple[tuple[str, Path], ...]:
    fixed = with_fixed_size(spec)
    readable = list_readable(images, None, lambda name, image: build_image_input(fixed, name, image))
    if len(readable) <= MAX_IMAGES:
        return tuple(readable)
    logger.info(
        f"errors are measured on {MAX_IMAGES} of the {len(readable)} images of {format_paths(images)}, "
        "evenly spaced"
    )
    return tuple(readable[index * len(readable) // MAX_IMAGES] for index in range(MAX_IMAGES))
