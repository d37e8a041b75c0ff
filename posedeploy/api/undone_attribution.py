"""The cause of a difference that shows when the candidate runs on inputs that undo a mistake."""

from __future__ import annotations

from dataclasses import replace

from posedeploy.api.parity_case import ParityCase
from posedeploy.api.stage_comparison import ChangedPairs, attribute, judge
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.undone_mistakes import find_undone_mistake
from posedeploy.runtimes.base import Runner
from posedeploy.types import ModelSpec


def add_undone_cause(spec: ModelSpec, case: ParityCase, reference: Runner, result: Parity) -> Parity:
    """Return the result with the mistake in preprocessing that the candidate's inputs can undo, if one
    explains the difference.

    The candidate is opened again, because it ran before the reference.

    Args:
        spec: of the reference, with the names of the outputs in ``result``.
        reference: returns the outputs that ``result`` was judged against.
    """
    if case.reopen is None or not result.outputs or (result.stages and not result.differs_in_network):
        return result
    runs = case.rerun_worst(spec, reference, result, by_relative=False)
    if not runs:
        return result
    with case.reopen() as candidate:
        undone = find_undone_mistake(candidate, case.spec, runs)
        if undone is None:
            return result
        mistake, cause = undone
        result = replace(result, cause=cause)
        if not result.stages:
            return result
        case = replace(case, tolerance=result.tolerance)

        def change(ours: NetworkInput, theirs: NetworkInput) -> tuple[NetworkInput, NetworkInput]:
            return ours, mistake.apply(theirs, case.spec)

        pairs = ChangedPairs(case.pairs, change)
        remaining = judge("network", case.compare_runners(reference, candidate, pairs, result.floor))
    stages = tuple(attribute(stage, remaining, cause) for stage in result.stages)
    return replace(result, stages=stages)
