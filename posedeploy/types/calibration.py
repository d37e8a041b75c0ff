"""The images that the ranges of a quantized network were measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from posedeploy.types.tensors import Tensors

CalibrationSource: TypeAlias = Literal["images", "synthetic people", "random 2D joints"]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A calibration set as a manifest records it.

    sha256: the hash of the inputs of the network, in order. count: the number of inputs.
    pixels: the SHA-256 of the pixels of each image. perceptual: the perceptual hash of each image, 16
    hexadecimal digits. Both are empty for a network on 2D joints.
    near_duplicates: images that nearly repeat an earlier one. checked: images in which PyTorch looked for
    people. with_people: those of them in which it found some; None if the network finds no people.
    """

    source: CalibrationSource
    sha256: str
    count: int
    pixels: tuple[str, ...] = ()
    perceptual: tuple[str, ...] = ()
    near_duplicates: int = 0
    checked: int = 0
    with_people: int | None = None

    def __str__(self) -> str:
        distinct = f", {self.near_duplicates} of them near-duplicates" if self.near_duplicates else ""
        people = "" if self.with_people is None else f", people in {self.with_people} of {self.checked}"
        return f"{self.count} {self.source}{distinct}{people}; sha256 {self.sha256}"


@dataclass(frozen=True)
class CalibrationSet:
    """The inputs of a network to calibrate with, each a batch as the network takes it, and their record."""

    inputs: Sequence[Tensors]
    record: Calibration
