"""Whether a runtime gives what PyTorch gives, on the same pictures: every output, and the keypoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from posedeploy.benchmarks.inputs import Sample
from posedeploy.benchmarks.keypoints import Decode, ImageParity, PoseParity, compare_image
from posedeploy.errors import ArtifactError
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Effective, Tensors, TensorSpec

ROUNDING_RUNS = 6
"""Runs on each input that the rounding of a network is drawn from (``rounding_of``)."""


@dataclass(frozen=True)
class Bounds:
    """What passes. relative: of an output's largest absolute value. px, mm: 99th percentile of keypoints."""

    relative: float = 1e-4
    px: float = 0.1
    mm: float = 1.0


@dataclass(frozen=True)
class Place:
    """One element of one output on one input, with both values."""

    sample: str
    index: tuple[int, ...]
    reference: float
    candidate: float


@dataclass(frozen=True)
class OutputParity:
    """One output on every input: the raw arrays of both sides, pair by pair."""

    name: str
    samples: tuple[str, ...]
    reference: tuple[Array, ...] = field(repr=False)
    candidate: tuple[Array, ...] = field(repr=False)

    @property
    def max_absolute(self) -> float:
        """The largest difference; infinite where a side has NaN or infinity."""
        return max(float(_difference(a, b).max()) for a, b in self._pairs)

    @property
    def max_relative(self) -> float:
        """The largest difference over the output's largest absolute value on that input."""
        return max(float(_relative(a, b).max()) for a, b in self._pairs)

    @property
    def cosine(self) -> float:
        """The least cosine between the two outputs over the inputs, as vectors; 1 is the same direction, and
        where there is none (NaN, infinity) it is 0."""
        return min(_cosine(a.ravel(), b.ravel()) for a, b in self._pairs)

    @property
    def worst(self) -> Place:
        """Where the two differ most, relative to the output's size on that input."""
        differences = [_relative(a, b) for a, b in self._pairs]
        which = int(np.argmax([difference.max() for difference in differences]))
        index = np.unravel_index(int(differences[which].argmax()), differences[which].shape)
        place = tuple(int(axis) for axis in index)
        return Place(
            self.samples[which],
            place,
            float(self.reference[which][place]),
            float(self.candidate[which][place]),
        )

    @property
    def _pairs(self) -> list[tuple[Array, Array]]:
        return list(zip(self.reference, self.candidate, strict=True))


@dataclass(frozen=True)
class Parity:
    """A candidate against the reference. ``poses`` is None where no decoding is known for the network.

    rounding: where it is given, the reference was PyTorch in float64, and PyTorch in float32 lies that far
    from it itself (``rounding_of``). input_specs, output_specs: the candidate's tensors as its file has them.
    """

    label: str
    effective: Effective
    outputs: tuple[OutputParity, ...]
    poses: PoseParity | None
    bounds: Bounds
    rounding: float | None = None
    input_specs: tuple[TensorSpec, ...] = ()
    output_specs: tuple[TensorSpec, ...] = ()

    @property
    def failures(self) -> tuple[str, ...]:
        """What lies beyond the bounds, a sentence each; empty where the two are the same."""
        found = [
            f"{output.name}[{', '.join(map(str, output.worst.index))}] on {output.worst.sample} is "
            f"{output.worst.candidate:.6g} instead of {output.worst.reference:.6g}: "
            f"{output.max_relative:.2e} of the largest value, wanted {self.bounds.relative:.0e}"
            for output in sorted(self.outputs, key=lambda output: -output.max_relative)
            if not output.max_relative <= self.bounds.relative
        ]
        if not self.outputs:
            found.append("there is no output to compare")
        if self.poses is not None:
            found += self.poses.failures(self.bounds.px, self.bounds.mm)
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether everything lies within the bounds."""
        return not self.failures


def compare(
    label: str,
    reference: Runner,
    candidate: Runner,
    pairs: Sequence[tuple[Sample, Sample]],
    *,
    bounds: Bounds,
    decode: Decode | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Parity:
    """Run both on each pair of inputs (the same picture, as each side wants it) and keep the raw outputs.

    Raises:
        ArtifactError: the candidate's outputs have other names or shapes than the reference's.

    Args:
        decode: outputs of one image and its placement to poses; None where no decoding is known.
    """
    kept: dict[str, list[tuple[Array, Array]]] = {}
    images: list[ImageParity] = []
    for number, (ours, theirs) in enumerate(pairs):
        expected, found = reference.run(ours.tensors), candidate.run(theirs.tensors)
        for name, array in found.items():
            kept.setdefault(name, []).append((_counterpart(label, name, array, expected), array))
        if decode is not None:
            for index, placement in enumerate(theirs.placements):
                a, b = _one(expected, index), _one(found, index)
                images.append(compare_image(decode, a, b, placement, max_px=bounds.px, max_mm=bounds.mm))
        on_progress(number + 1, len(pairs))
    names = tuple(sample.name for _, sample in pairs)
    outputs = tuple(
        OutputParity(name, names, tuple(a for a, _ in arrays), tuple(b for _, b in arrays))
        for name, arrays in kept.items()
    )
    poses = PoseParity(tuple(images)) if decode is not None else None
    return Parity(label, candidate.effective, outputs, poses, bounds)


def rounding_of(
    exact: Runner,
    single: Runner,
    samples: Sequence[Sample],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> float:
    """How far a network in float32 lies from itself in float64 on the same input at most: an output's largest
    difference over its largest value on that input. Infinite where float32 overflows.

    One run is one draw of its rounding errors, by chance a small one. Hence ``ROUNDING_RUNS`` of them, on
    inputs one step of float32 apart, after which every later rounding falls otherwise: Monte Carlo arithmetic
    (Parker, 1997) with the input's last bit as the source of chance. Inputs of whole numbers are not moved,
    and are one draw.
    """
    chance = np.random.RandomState(0)
    inputs = [moved for sample in samples for moved in _apart(sample.tensors, chance)]
    worst = 0.0
    for number, tensors in enumerate(inputs):
        expected = exact.run(tensors)
        for name, array in single.run(tensors).items():
            worst = max(worst, float(_relative(expected[name], array).max()))
        on_progress(number + 1, len(inputs))
    return worst


def _apart(tensors: Tensors, chance: np.random.RandomState) -> Iterator[Tensors]:
    """The tensors, and those that lie one float above or below them at each place."""
    yield tensors
    if any(np.issubdtype(array.dtype, np.floating) for array in tensors.values()):
        for _ in range(ROUNDING_RUNS - 1):
            yield {name: _beside(array, chance) for name, array in tensors.items()}


def _beside(array: Array, chance: np.random.RandomState) -> Array:
    """Each number moved to the next float above or below; whole numbers as they are."""
    if not np.issubdtype(array.dtype, np.floating):
        return array
    towards = np.where(chance.randint(0, 2, array.shape) == 1, np.inf, -np.inf).astype(array.dtype)
    moved: Array = np.nextafter(array, towards)
    return moved


def _one(outputs: Tensors, index: int) -> Tensors:
    return {name: array[index : index + 1] for name, array in outputs.items()}


def _counterpart(label: str, name: str, array: Array, expected: Tensors) -> Array:
    if name not in expected:
        raise ArtifactError(
            f"{label}: it gives {name!r}, and PyTorch gives {', '.join(expected)}: not the same network"
        )
    if expected[name].shape != array.shape:
        raise ArtifactError(
            f"{label}: {name} has the shape {array.shape} and PyTorch gives {expected[name].shape} on the "
            "same input; export it again"
        )
    return expected[name]


def _difference(a: Array, b: Array) -> Array:
    with np.errstate(invalid="ignore"):
        difference: Array = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return np.where(np.isnan(difference), np.inf, difference)


def _relative(a: Array, b: Array) -> Array:
    """The differences over the largest finite value of the reference ``a``."""
    return _difference(a, b) / (np.abs(a).max(where=np.isfinite(a), initial=0.0) or 1.0)


def _cosine(a: Array, b: Array) -> float:
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return 0.0
    a, b = a.astype(np.float64), b.astype(np.float64)
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b / lengths) if lengths else 1.0
