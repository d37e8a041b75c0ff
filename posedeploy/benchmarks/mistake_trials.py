"""Try known mistakes on the reference, to find those that would show in the poses of a comparison."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TypeAlias

import numpy as np

from posedeploy.benchmarks.ambiguity import DecodedPair
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.image_comparison import Pairing, select_image
from posedeploy.benchmarks.inputs import SEED, NetworkInput
from posedeploy.benchmarks.keypoints import PoseParity, compare_poses
from posedeploy.benchmarks.known_mistakes import InputMistake, list_input_mistakes, try_input
from posedeploy.benchmarks.output_mistakes import OutputMistake, list_output_mistakes
from posedeploy.benchmarks.pose_comparison import PoseComparison
from posedeploy.benchmarks.sensitivity import MistakeTrial, Sensitivity
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.decoders import Decode
from posedeploy.errors import InputError
from posedeploy.runtimes.base import Runner
from posedeploy.types import ModelSpec, Poses, Tensors

Mistake: TypeAlias = InputMistake | OutputMistake
KINDS: Mapping[str, str] = {
    r"not normalized|normalized twice|scaled to": "another normalization",
    r"resized with": "another interpolation",
    r"channels-last image|height and width of the image": "another layout of the image",
}
"""Patterns in the names of mistakes of which one is tried, to save runs."""


@dataclass(frozen=True, kw_only=True)
class PoseLimits:
    """How outputs become poses, and the differences of poses that pass: the budget, or else the tolerance."""

    decode: Decode
    pairing: Pairing
    tolerance: Tolerance
    budget: Budget | None

    def decode_all(self, outputs: Tensors, source: NetworkInput) -> list[Poses] | None:
        """Return the poses of each image or person of an input; None if the outputs cannot be decoded."""
        decode = self.decode if self.budget is None else self.pairing.refine or self.decode
        try:
            return [
                decode(select_image(outputs, index, len(source.placements)), placement)
                for index, placement in enumerate(source.placements)
            ]
        except InputError:
            return None

    def are_exceeded(self, source: NetworkInput, expected: Sequence[Poses], actual: Sequence[Poses]) -> bool:
        """Return whether the poses of one input differ by more than the limits."""
        if self.budget is None:
            images = tuple(compare_poses(*sides) for sides in zip(expected, actual, strict=True))
            return bool(PoseParity(images).failures(self.tolerance))
        paired = PoseComparison(
            tuple(
                self.pairing.pair(source.name, DecodedPair(ours, theirs), placement)
                for ours, theirs, placement in zip(expected, actual, source.placements, strict=True)
            )
        )
        has_people = paired.people + paired.missed + paired.extra > 0
        return has_people and bool(self.budget.failures(paired))


def try_mistakes(
    reference: Runner,
    sources: Sequence[tuple[ModelSpec, NetworkInput]],
    limits: PoseLimits,
    images: Collection[str] = (),
) -> Sensitivity:
    """Try the known mistakes on the reference, each until it moves the poses by more than the limits.

    Of several mistakes of one kind, such as shifts in different directions, one is tried. If the reference
    finds nobody on an input, there are no poses to move, and nothing is run.

    Args:
        reference: runs the network. sources: inputs, each with the spec of the network in their shape.
        images: the names of the inputs that the user passed.
    """
    trials: dict[str, MistakeTrial] = {}
    runs = 0
    for spec, source in sources:
        expected = reference.run(source.tensors)
        poses = limits.decode_all(expected, source)
        if poses is None:
            continue
        has_people = any(len(each) for each in poses)
        for kind, variants in _list_kinds(spec, source, expected).items():
            if kind in trials and (trials[kind].shown_on is not None or not has_people):
                continue
            trial = _try_first(variants, reference if has_people else None, spec, source, expected)
            if trial is None:
                continue
            runs += trial.is_run
            changed = limits.decode_all(trial.outputs, source) if trial.outputs is not expected else poses
            is_shown = has_people and (changed is None or limits.are_exceeded(source, poses, changed))
            trials[kind] = MistakeTrial(
                trial.mistake.stage, trial.mistake.name, source.name if is_shown else None
            )
    names = tuple(source.name for _, source in sources)
    return Sensitivity(tuple(trials.values()), names, tuple(name for name in names if name in images), runs)


@dataclass(frozen=True)
class _Trial:
    """The outputs of the reference with a mistake. is_run: whether the reference ran for them."""

    mistake: Mistake
    outputs: Tensors
    is_run: bool = False


def _try_first(
    variants: Sequence[Mistake],
    reference: Runner | None,
    spec: ModelSpec,
    source: NetworkInput,
    expected: Tensors,
) -> _Trial | None:
    """Return the outputs with the first mistake that changes anything; without a reference, nothing is run.

    They are ``expected`` itself if the input hides all of them. The result is None if none applies: the
    network takes no such input, or has no output that the mistake can change.
    """
    hidden = None
    for mistake in variants:
        if isinstance(mistake, OutputMistake):
            outputs = mistake.change(expected) if _can_change(mistake, spec, expected) else None
            if outputs is not None and not _are_same(outputs, expected, spec.roles.values()):
                return _Trial(mistake, outputs)
            applies = outputs is not None
        else:
            changed = try_input(mistake, source, spec)
            applies = changed is not None
            if changed and reference and not _are_same(changed.tensors, source.tensors):
                return _Trial(mistake, reference.run(changed.tensors), is_run=True)
        hidden = hidden or (_Trial(mistake, expected) if applies else None)
    return hidden


def _can_change(mistake: OutputMistake, spec: ModelSpec, outputs: Tensors) -> bool:
    """Return whether a mistake changes any output that is decoded, for random values in these shapes."""
    rng = np.random.RandomState(SEED)
    values: Tensors = {name: np.asarray(rng.standard_normal(array.shape)) for name, array in outputs.items()}
    return not _are_same(mistake.change(values), values, spec.roles.values())


def _are_same(first: Tensors, second: Tensors, names: Collection[str] | None = None) -> bool:
    return all(
        np.array_equal(first[name], second[name], equal_nan=True)
        for name in (second if names is None else names)
    )


def _list_kinds(spec: ModelSpec, source: NetworkInput, expected: Tensors) -> dict[str, list[Mistake]]:
    """Return the known mistakes by kind, such as all shifts of the image."""
    kinds: dict[str, list[Mistake]] = {}
    inputs = list_input_mistakes(spec) if source.image is not None or spec.joints is not None else ()
    for mistake in (*inputs, *list_output_mistakes(spec, expected, expected), *_list_orders(spec)):
        kinds.setdefault(_kind_of(mistake.name, spec), []).append(mistake)
    return kinds


def _kind_of(name: str, spec: ModelSpec) -> str:
    """Return the kind in ``KINDS``, or the name of a mistake without its numbers and the names of outputs."""
    kind = next((kind for pattern, kind in KINDS.items() if re.search(pattern, name)), None)
    if kind is not None:
        return kind
    for output in spec.outputs:
        name = name.replace(output.name, "maps")
    return re.sub(r"-?\d+", "N", name.replace("the maps", "maps"))


def _list_orders(spec: ModelSpec) -> Iterator[OutputMistake]:
    """Yield the mistakes in the order of outputs and of a batch."""
    decoded = [output for output in spec.outputs if output.name in spec.roles.values()]
    for first, second in combinations(decoded, 2):
        if first.shape == second.shape:
            exchange = partial(_exchange, first=first.name, second=second.name)
            yield OutputMistake("two outputs were exchanged", exchange)
    yield OutputMistake("the images of a batch were in another order", _roll_batch, "network")


def _exchange(outputs: Tensors, first: str, second: str) -> Tensors:
    return outputs | {first: outputs[second], second: outputs[first]}


def _roll_batch(outputs: Tensors) -> Tensors:
    return {name: np.roll(array, 1, axis=0) if array.ndim else array for name, array in outputs.items()}
