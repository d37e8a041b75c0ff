"""The cause of a difference from the reference, if a known mistake explains it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from posedeploy.benchmarks.array_differences import max_absolute, rms
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.known_mistakes import InputMistake, list_input_mistakes, try_input
from posedeploy.benchmarks.output_mistakes import OutputMistake, list_output_mistakes
from posedeploy.benchmarks.stage_parity import StageName
from posedeploy.runtimes.base import Runner
from posedeploy.types import ModelSpec, Tensors

NON_FINITE = "contains NaN or infinity"
EXPLAINED = 0.8
"""The share of a difference that the best mistake must explain to be named as the cause."""
EXACT = 0.999
"""The share of a difference above which a mistake of the reference is surely the cause."""

HINTS: Mapping[str, str] = {
    "the image were normalized twice": "if the file normalizes its input itself, write "
    'embedded = ["normalization"] under [input] in its contract',
    "the image were not normalized": "if the file does not normalize its input itself, remove "
    '"normalization" from embedded in its contract',
}
"""How to fix a mistake that a wrong contract of a third-party file causes."""


@dataclass(frozen=True)
class Cause:
    """The mistake that explains a difference.

    stage: where it is. name: completes "as if"; if the candidate alone has NaN or infinity, a statement such
    as "heatmaps contains NaN or infinity". explained: the share of the RMS difference, 0 to 1, that
    disappears when the reference has this mistake, or when the candidate's input undoes it. input: the name
    of the input it was measured on.
    """

    stage: StageName
    name: str
    explained: float
    input: str

    def __str__(self) -> str:
        if self.name.endswith(NON_FINITE):
            return f"{self.name} on {self.input}, and the other output is finite; export in fp32 or bf16"
        hint = HINTS.get(self.name)
        return (
            f"the outputs are as if {self.name}: that explains {self.explained:.1%} of the difference on "
            f"{self.input}"
        ) + (f"; {hint}" if hint else "")


@dataclass(frozen=True)
class Explanation:
    """A cause, and the mistake to apply to the reference; None if the candidate has NaN or infinity."""

    cause: Cause
    mistake: InputMistake | OutputMistake | None = None

    @property
    def is_uncertain(self) -> bool:
        """Whether another mistake may be the cause: in low precision, several give similar outputs."""
        return self.mistake is not None and self.cause.explained < EXACT


def explain_difference(
    reference: Runner, spec: ModelSpec, network_input: NetworkInput, expected: Tensors, actual: Tensors
) -> Explanation | None:
    """Return the mistake that explains the difference on one input best; None if none explains enough.

    Args:
        reference: runs the network of ``spec``, whose input has the shape of ``network_input``.
        expected, actual: the outputs of the reference and of the candidate.
    """
    output = _find_non_finite(expected, actual)
    if output is not None:
        return Explanation(Cause("network", f"{output} {NON_FINITE}", 1.0, network_input.name))
    scales = {name: max_absolute(array) or 1.0 for name, array in expected.items()}
    total = measure_distance(expected, actual, scales)
    if total == 0 or not math.isfinite(total):
        return None
    candidates = (
        (measure_distance(outputs, actual, scales), mistake)
        for mistake, outputs in _try_mistakes(reference, spec, network_input, expected, actual)
    )
    comparable = ((distance, mistake) for distance, mistake in candidates if math.isfinite(distance))
    distance, best = min(comparable, key=lambda candidate: candidate[0], default=(total, None))
    explained = 1 - distance / total
    if best is None or explained < EXPLAINED:
        return None
    return Explanation(Cause(best.stage, best.name, explained, network_input.name), best)


@dataclass(frozen=True)
class DifferingRun:
    """An input on which two models differ, with the outputs of the reference and of the candidate.

    spec: of the reference, in the shape of the input. candidate_source: the input in the candidate's form.
    """

    spec: ModelSpec
    source: NetworkInput
    candidate_source: NetworkInput
    expected: Tensors
    actual: Tensors


def explain_together(
    reference: Runner, mistake: InputMistake | OutputMistake, runs: Iterable[DifferingRun]
) -> float:
    """Return the share of the RMS difference on several inputs that disappears if the reference makes one
    mistake.

    On one input, a mistake can explain rounding errors by chance. For example, if rounding moves all outputs
    in one direction, any mistake that moves them equally far in this direction explains it.
    """
    before = after = 0.0
    for run in runs:
        outputs = _make_mistake(mistake, reference, run)
        scales = {name: max_absolute(array) or 1.0 for name, array in run.expected.items()}
        own, remaining = (
            math.inf if side is None else measure_distance(side, run.actual, scales)
            for side in (run.expected, outputs)
        )
        if math.isfinite(own) and math.isfinite(remaining):
            before, after = before + own**2, after + remaining**2
    return 1 - math.sqrt(after / before) if before > 0 else 0.0


def _make_mistake(
    mistake: InputMistake | OutputMistake, reference: Runner, run: DifferingRun
) -> Tensors | None:
    """Return the outputs of the reference with a mistake; None if it cannot be made on this input."""
    if isinstance(mistake, OutputMistake):
        return mistake.change(run.expected)
    changed = try_input(mistake, run.source, run.spec)
    return None if changed is None else reference.run(changed.tensors)


def _try_mistakes(
    reference: Runner, spec: ModelSpec, network_input: NetworkInput, expected: Tensors, actual: Tensors
) -> Iterator[tuple[InputMistake | OutputMistake, Tensors]]:
    """Yield the outputs of the reference with each mistake."""
    if network_input.image is not None or spec.joints is not None:
        for mistake in list_input_mistakes(spec):
            changed = try_input(mistake, network_input, spec)
            if changed is not None:
                yield mistake, reference.run(changed.tensors)
    for each in list_output_mistakes(spec, expected, actual):
        yield each, each.change(expected)


def _find_non_finite(expected: Tensors, actual: Tensors) -> str | None:
    """Return the first output with infinite or NaN values that are finite in the reference."""
    for name, array in actual.items():
        if np.isfinite(expected[name]).all() and not np.isfinite(array).all():
            return name
    return None


def measure_distance(expected: Tensors, actual: Tensors, scales: Mapping[str, float]) -> float:
    """Return the RMS difference of all outputs, each relative to its scale; infinite if shapes differ."""
    if any(expected[name].shape != array.shape for name, array in actual.items()):
        return math.inf
    each = [rms((expected[name] - array.astype(np.float64)) / scales[name]) for name, array in actual.items()]
    return rms(np.array(each))
