"""Rank known mistakes by how well each explains the difference between two models on several inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import starmap
from typing import TypeAlias

from posedeploy.benchmarks.diagnosis import (
    Alternative,
    Cause,
    DifferingRun,
    find_scales,
    measure_distance,
)
from posedeploy.benchmarks.known_mistakes import InputMistake, list_input_mistakes, try_input
from posedeploy.benchmarks.output_mistakes import OutputMistake, list_output_mistakes
from posedeploy.benchmarks.undone_mistakes import UndoneMistake, list_undone_mistakes
from posedeploy.runtimes.base import Runner
from posedeploy.types import ModelSpec, Tensors

Mistake: TypeAlias = InputMistake | OutputMistake | UndoneMistake
EXPLAINED = 0.8
"""The share of a difference that a mistake must explain, on the first input and on all, to be a cause."""
EXACT = 0.999
"""The share of a difference above which a mistake is surely the cause."""
NEAR = 3.0
"""Mistakes that leave up to this multiple of the least difference on the first input run on all inputs."""
MAX_FINALISTS = 6
"""The maximum number of these mistakes."""
TIE = 1.5
"""The multiple of the least remaining difference up to which another mistake explains as much within the
noise: the outputs with the two mistakes then differ by about as much as the noise."""
ROUNDING = 1e-6
"""The RMS difference of rounding errors in FP32, relative to the largest values of the outputs."""


@dataclass(frozen=True)
class Hypothesis:
    """A mistake as the possible cause of a difference.

    sides: returns two sets of outputs that are equal if it is the cause; None if an input cannot have it.
    """

    mistake: Mistake
    sides: Callable[[DifferingRun], tuple[Tensors, Tensors] | None]


@dataclass(frozen=True)
class RankedMistake:
    """A mistake that explains a difference.

    explained: the share of the RMS difference on the first input that it explains. remaining: the share on
    all inputs that it does not explain.
    """

    mistake: Mistake
    explained: float
    remaining: float


@dataclass(frozen=True)
class Explanation:
    """A cause, and its mistake."""

    cause: Cause
    mistake: Mistake

    @property
    def is_exact(self) -> bool:
        """Whether no other mistake can be the cause."""
        return self.cause.explained >= EXACT


def list_reference_mistakes(reference: Runner | None, run: DifferingRun) -> Iterator[Hypothesis]:
    """Yield the mistakes that the reference can make.

    Args:
        reference: runs the network; None if only its outputs are known, which excludes mistakes in inputs.
        run: determines the orders of outputs, channels and people.
    """
    if reference is not None and (run.source.image is not None or run.spec.joints is not None):
        for mistake in list_input_mistakes(run.spec):
            yield Hypothesis(mistake, _make_in_input(reference, mistake))
    for each in list_output_mistakes(run.spec, run.expected, run.actual):
        yield Hypothesis(each, _make_in_outputs(each))


def list_candidate_mistakes(candidate: Runner, spec: ModelSpec) -> Iterator[Hypothesis]:
    """Yield the mistakes that the inputs of the candidate can undo; ``spec`` is its description."""
    for mistake in list_undone_mistakes(spec):
        yield Hypothesis(mistake, _undo(candidate, spec, mistake))


def _make_in_input(
    reference: Runner, mistake: InputMistake
) -> Callable[[DifferingRun], tuple[Tensors, Tensors] | None]:
    def run_both(run: DifferingRun) -> tuple[Tensors, Tensors] | None:
        changed = try_input(mistake, run.source, run.spec)
        return None if changed is None else (reference.run(changed.tensors), run.actual)

    return run_both


def _make_in_outputs(mistake: OutputMistake) -> Callable[[DifferingRun], tuple[Tensors, Tensors]]:
    return lambda run: (mistake.change(run.expected), run.actual)


def _undo(
    candidate: Runner, spec: ModelSpec, mistake: UndoneMistake
) -> Callable[[DifferingRun], tuple[Tensors, Tensors]]:
    return lambda run: (run.expected, candidate.run(mistake.apply(run.candidate_source, spec).tensors))


@dataclass(frozen=True)
class MistakeRanking:
    """The inputs on which mistakes must explain the difference; the first one is in messages."""

    runs: Sequence[DifferingRun]

    @cached_property
    def _scales(self) -> dict[str, float]:
        return find_scales([run.expected for run in self.runs])

    @cached_property
    def _totals(self) -> list[float]:
        return [measure_distance(run.expected, run.actual, self._scales, run.row_axes) for run in self.runs]

    def rank(self, hypotheses: Iterable[Hypothesis]) -> list[RankedMistake]:
        """Return the mistakes that explain the difference, in their order; each name once.

        On one input, a mistake can explain rounding errors by chance. For example, if rounding moves all
        outputs in one direction, any mistake that moves them equally far in this direction explains it.
        """
        total = self._totals[0]
        if not 0 < total < math.inf:
            return []
        first = self._drop_repeated(hypotheses)
        tried = [(left, each) for left, each in first if 1 - left / total >= EXPLAINED]
        limit = max(NEAR * min((left for left, _ in tried), default=0.0), ROUNDING)
        nearest = sorted(left for left, _ in tried if left <= limit)[:MAX_FINALISTS]
        ranked = [
            RankedMistake(each.mistake, 1 - left / total, self._measure_remaining(each))
            for left, each in tried
            if left in nearest
        ]
        return [each for each in ranked if 1 - each.remaining >= EXPLAINED]

    def rank_undone(
        self, hypotheses: Sequence[Hypothesis], others: Iterable[RankedMistake]
    ) -> list[RankedMistake]:
        """Return the mistakes that inputs of the candidate undo, and ``others``.

        Where both have the same mistake, the candidate decides. In low precision, the outputs for a wrong
        input contain few distinct values, so different mistakes give similar outputs. Those for the right
        input do not.
        """
        decided = {each.mistake.name for each in hypotheses if is_undone_completely(each.mistake)}
        undone = {each.mistake.name: each for each in self.rank(hypotheses)}
        kept = [each for each in others if each.mistake.name not in decided]
        better = {
            each.mistake.name: each
            for each in kept
            if each.mistake.name not in undone or each.remaining < undone[each.mistake.name].remaining
        }
        return list({**undone, **better}.values())

    def explain(self, ranked: Sequence[RankedMistake], advice: str) -> Explanation | None:
        """Return the mistakes that explain the most within the noise, the first of them as the cause.

        None if there are none.

        Args:
            advice: what would tell several mistakes apart.
        """
        least = min((each.remaining for each in ranked), default=0.0)
        limit = max(TIE * least, ROUNDING / (_join(filter(math.isfinite, self._totals)) or 1.0))
        best = [each for each in ranked if each.remaining <= limit]
        if not best:
            return None
        causes = [(each.mistake.stage, each.mistake.name, each.explained) for each in best]
        cause = Cause(*causes[0], self.runs[0].source.name)
        if len(causes) > 1:
            cause = replace(cause, alternatives=tuple(starmap(Alternative, causes[1:])), advice=advice)
        return Explanation(cause, best[0].mistake)

    def _drop_repeated(self, hypotheses: Iterable[Hypothesis]) -> list[tuple[float, Hypothesis]]:
        """Return mistakes with the difference that each leaves on the first input: the best variant of each
        name, and the first name of each change of the outputs."""
        by_name: dict[str, tuple[float, Hypothesis]] = {}
        changes = set[tuple[float, ...]]()
        for each in hypotheses:
            left, name = self._measure(self.runs[0], each), each.mistake.name
            if isinstance(each.mistake, OutputMistake):
                change = tuple(self._measure(run, each) for run in self.runs)
                if change in changes:
                    continue  # another name of the same order
                changes.add(change)
            if name not in by_name or left < by_name[name][0]:
                by_name[name] = (left, each)
        return list(by_name.values())

    def _measure(self, run: DifferingRun, hypothesis: Hypothesis) -> float:
        """Return the RMS difference that a mistake leaves on one input; infinite if it cannot be made."""
        sides = hypothesis.sides(run)
        distance = math.inf if sides is None else measure_distance(*sides, self._scales, run.row_axes)
        return distance if math.isfinite(distance) else math.inf

    def _measure_remaining(self, hypothesis: Hypothesis) -> float:
        """Return the share of the RMS difference on all inputs that can have a mistake that it leaves."""
        pairs = [
            (self._measure(run, hypothesis), total)
            for run, total in zip(self.runs, self._totals, strict=True)
        ]
        comparable = [pair for pair in pairs if all(map(math.isfinite, pair))]
        before = _join([total for _, total in comparable])
        return _join([left for left, _ in comparable]) / before if before > 0 else 1.0


def is_undone_completely(mistake: Mistake) -> bool:
    """Return whether nothing of a mistake is left in the comparison that tries it."""
    return not isinstance(mistake, UndoneMistake) or mistake.is_complete


def _join(distances: Iterable[float]) -> float:
    """Return the RMS differences on several inputs as one number."""
    return math.sqrt(sum(each**2 for each in distances))
