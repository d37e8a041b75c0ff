"""The inputs of a comparison on which known mistakes are tried, to know what the comparison proves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from posedeploy.api.parity_case import ParityCase, fix_input_shape
from posedeploy.api.parity_inputs import InputPairs
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.mistake_trials import PoseLimits, try_mistakes
from posedeploy.benchmarks.parity import Parity
from posedeploy.runtimes.base import Runner
from posedeploy.types import ModelSpec

MAX_IMAGES, MAX_GENERATED = 2, 3
"""The numbers of the user's images and of generated inputs on which mistakes are tried."""
MIN_SHARE = 0.5
"""The minimum number of keypoints of an input for trials, relative to the most on any input."""


def add_sensitivity(
    case: ParityCase, spec: ModelSpec, pairs: InputPairs, reference: Runner, result: Parity
) -> Parity:
    """Return a comparison that passed with the known mistakes that its inputs would show.

    They are tried on PyTorch only, on the inputs with the most keypoints, the user's images first. Without a
    decoding, nothing is tried.

    Args:
        spec: that of ``reference``. pairs: those of the case.
    """
    decodings = case.decodings
    if decodings.decode is None or decodings.pairing is None or result.paired is None:
        return result
    case.on_progress(f"trying known mistakes on PyTorch for {case.label}", None)
    limits = PoseLimits(
        decode=decodings.decode,
        pairing=decodings.pairing,
        tolerance=result.tolerance,
        budget=result.budget,
    )
    start = len(pairs.generated)
    keypoints = _count_keypoints(result, len(pairs))
    images = _choose(range(start, len(pairs)), keypoints)[:MAX_IMAGES]
    chosen = [*_read(pairs, images), *_choose_generated(pairs, keypoints[:start])]
    sources = [(fix_input_shape(spec, each), each) for each in chosen]
    names = [each.name for each in chosen[: len(images)]]
    return replace(result, sensitivity=try_mistakes(reference, sources, limits, names))


def _count_keypoints(result: Parity, count: int) -> list[int]:
    """Return the number of keypoints that both models found on each input."""
    assert result.paired is not None, "the poses were compared"
    totals = Counter[str]()
    names = result.outputs[0].inputs if result.outputs else ()
    for image in result.paired.images:
        is_single = image.image in names
        totals[image.image if is_single else image.image.rpartition(" (")[0]] += image.keypoints
    counts = [totals[name] for name in names]
    return counts if len(counts) == count else [0] * count


def _choose(numbers: Sequence[int], keypoints: Sequence[int]) -> list[int]:
    """Return the numbers of inputs with many keypoints, in their order; one input if none has keypoints."""
    most = max((keypoints[number] for number in numbers), default=0)
    if most == 0:
        return list(numbers[:1])
    return [number for number in numbers if keypoints[number] >= MIN_SHARE * most]


def _choose_generated(pairs: InputPairs, keypoints: Sequence[int]) -> list[NetworkInput]:
    """Return the inputs with many keypoints, one of each shape of the image first."""
    inputs = [reference for reference, _ in pairs.generated]
    numbers = sorted(range(len(inputs)), key=lambda number: -keypoints[number])
    numbers = [number for number in numbers if keypoints[number]] or numbers[:1]
    by_shape: dict[object, int] = {}
    for number in numbers:
        image = inputs[number].image
        by_shape.setdefault(None if image is None else image.shape, number)
    ordered = dict.fromkeys([*by_shape.values(), *numbers])
    return [inputs[number] for number in islice(ordered, MAX_GENERATED)]


def _read(pairs: InputPairs, numbers: Sequence[int]) -> list[NetworkInput]:
    """Return the inputs with these numbers; those after the last of them are not read."""
    last = max(numbers, default=-1)
    return [pair[0] for number, pair in enumerate(islice(pairs, last + 1)) if number in numbers]
