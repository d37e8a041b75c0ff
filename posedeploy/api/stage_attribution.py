"""The cause of a difference, and the stage that it belongs to.

A file whose description does not fit it, such as one that takes RGB where its contract has BGR, differs in
the network: its outputs are wrong for the right input. If a known mistake explains the difference, the stage
of the mistake is at fault, and the network is judged on the rest of the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from posedeploy.api.parity_case import ParityCase, fix_input_shape
from posedeploy.api.stage_comparison import ChangedPairs, add_stages, attribute, judge
from posedeploy.benchmarks.diagnosis import find_non_finite
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.known_mistakes import InputMistake, try_input
from posedeploy.benchmarks.mistake_ranking import (
    Mistake,
    MistakeRanking,
    is_undone_completely,
    list_candidate_mistakes,
    list_reference_mistakes,
)
from posedeploy.benchmarks.output_mistakes import OutputMistake
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.runner_comparison import PairedInputs
from posedeploy.benchmarks.stage_parity import is_in_decoding_only
from posedeploy.benchmarks.undone_mistakes import UndoneMistake
from posedeploy.bisection.intermediates.opening import OPENERS
from posedeploy.runtimes.base import Runner
from posedeploy.types import ModelSpec, Ranges, Tensors


def explain_result(spec: ModelSpec, case: ParityCase, reference: Runner, result: Parity) -> Parity:
    """Return the result with its stages and, if it does not pass, with the cause of the differences.

    If only the decoding differs, its description is the cause.

    Args:
        spec: of the reference, with the names of the outputs in ``result``.
        reference: returns the outputs that ``result`` was judged against.
    """
    result = add_stages(case, spec, reference, result)
    if result.passed or is_in_decoding_only(result.stages):
        return result
    return add_cause(spec, case, reference, result)


def add_cause(spec: ModelSpec, case: ParityCase, reference: Runner, result: Parity) -> Parity:
    """Return the result with the cause of the differences, if it is known, and the stage that it belongs to.

    Low precision can hide a mistake that the reference makes, and a saved reference makes none in its inputs.
    The candidate is then opened again, because it ran before the reference, and runs on inputs that undo each
    mistake.

    Args:
        spec: of the reference, with the names of the outputs in ``result``.
        reference: returns the outputs that ``result`` was judged against.
    """
    runs = case.rerun_worst(spec, reference, result)
    if not runs:
        return result
    non_finite = find_non_finite(runs[0], case.precision, can_bisect=can_bisect(result))
    if non_finite is not None:
        return replace(result, cause=non_finite)
    ranking, advice = MistakeRanking(runs), _advise(case)
    live = reference if case.has_live_reference else None
    ranked = ranking.rank(list_reference_mistakes(live, runs[0]))
    explanation = ranking.explain(ranked, advice)
    with ExitStack() as stack:
        candidate = case.candidate
        is_exact = explanation is not None and explanation.is_exact
        if not is_exact and case.reopen is not None and result.differs_in_network:
            candidate = stack.enter_context(case.reopen())
            hypotheses = list(list_candidate_mistakes(candidate, case.spec))
            explanation = ranking.explain(ranking.rank_undone(hypotheses, ranked), advice)
        if explanation is None:
            return result
        result = replace(result, cause=explanation.cause)
        if not result.differs_in_network:
            return result
        case = replace(case, tolerance=result.tolerance, candidate=candidate)
        remaining = judge("network", _compare_without(explanation.mistake, spec, case, reference, result))
        if not is_undone_completely(explanation.mistake) and remaining.status == "different":
            note = "an input cannot undo a shift at the border"
            remaining = replace(remaining, status="not compared", note=note)
    stages = tuple(attribute(stage, remaining, explanation.cause) for stage in result.stages)
    return replace(result, stages=stages)


def can_bisect(result: Parity) -> bool:
    """Return whether ``bisect`` can find a faulty layer: the reference must be PyTorch, and the runtime
    must have intermediate tensors."""
    reference = result.reference
    is_pytorch = reference is not None and reference.runtime_info is not None
    return is_pytorch and result.runtime_info.runtime in OPENERS


def _advise(case: ParityCase) -> str:
    """Return what would tell mistakes apart that explain the difference equally."""
    if case.precision != "fp32":
        return "the same network in fp32 would tell them apart"
    if case.spec.joints is not None:
        return "other poses would tell them apart"
    if not case.has_live_reference:
        return "a reference file with photographs would tell them apart"
    return "other images would tell them apart; pass photographs as `images`"


def _compare_without(
    mistake: Mistake, spec: ModelSpec, case: ParityCase, reference: Runner, result: Parity
) -> Parity:
    """Compare the networks on the reference's inputs: the reference makes the mistake, or the inputs of the
    candidate undo it."""
    pairs: PairedInputs
    if isinstance(mistake, UndoneMistake):
        # The input that the reference's description gives has no mistake of the artifact's description.
        is_described = ("preprocessing", "different") in [(each.stage, each.status) for each in result.stages]

        def undo(ours: NetworkInput, theirs: NetworkInput) -> tuple[NetworkInput, NetworkInput]:
            source = theirs if is_described else theirs.as_reference or theirs
            return ours, mistake.apply(source, case.spec)

        pairs = ChangedPairs(case.pairs, undo)
    else:
        pairs = _MistakenPairs(case.pairs, spec, mistake if isinstance(mistake, InputMistake) else None)
    if isinstance(mistake, OutputMistake):
        reference = _MistakenRunner(reference, mistake)
    return case.compare_runners(reference, case.candidate, pairs, result.floor)


@dataclass(frozen=True)
class _MistakenPairs:
    """The inputs on which the candidate ran, the reference's with a mistake in preprocessing.

    mistake: None keeps the inputs. Inputs that cannot have the mistake are left out. Placements are those
    without the mistake, so that both sides are decoded alike.
    """

    pairs: PairedInputs
    spec: ModelSpec
    mistake: InputMistake | None

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[tuple[NetworkInput, NetworkInput]]:
        for ours, theirs in self.pairs:
            if self.mistake is None:
                yield ours, theirs.as_reference or theirs
                continue
            changed = try_input(self.mistake, ours, fix_input_shape(self.spec, ours))
            if changed is not None:
                yield replace(changed, placements=ours.placements), theirs.as_reference or theirs


class _MistakenRunner(Runner):
    """A runner whose outputs have a mistake. The owner of the other runner closes it."""

    def __init__(self, runner: Runner, mistake: OutputMistake) -> None:
        self._runner, self._mistake = runner, mistake
        self.inputs, self.outputs, self.runtime_info = runner.inputs, runner.outputs, runner.runtime_info

    @property
    def ranges(self) -> Ranges:
        return self._runner.ranges

    def check(self, tensors: Tensors) -> None:
        """Do nothing: the inner runner checks the inputs."""

    def _run(self, tensors: Tensors) -> Tensors:
        return self._mistake.change(self._runner.run(tensors))
