"""The cause of a difference, and the stage that it belongs to.

A file whose description does not fit it, such as one that takes RGB where its contract has BGR, differs in
the network: its outputs are wrong for the right input. If a known mistake explains the difference, the stage
of the mistake is at fault, and the network is judged on the rest of the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from posedeploy.api.parity_case import ParityCase, fix_input_shape
from posedeploy.api.stage_comparison import attribute, judge
from posedeploy.api.undone_attribution import add_undone_cause
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.known_mistakes import InputMistake, try_input
from posedeploy.benchmarks.output_mistakes import OutputMistake
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.runner_comparison import PairedInputs
from posedeploy.runtimes.base import Runner
from posedeploy.types import ModelSpec, Ranges, Tensors


def add_cause(spec: ModelSpec, case: ParityCase, reference: Runner, result: Parity) -> Parity:
    """Return the result with the cause of the differences, if it is known, and the stage that it belongs to.

    Args:
        spec: of the reference, with the names of the outputs in ``result``.
        reference: returns the outputs that ``result`` was judged against.
    """
    explanation = case.explain(spec, reference, result)
    if explanation is None or explanation.is_uncertain:
        undone = add_undone_cause(spec, case, reference, result)
        if undone.cause is not None or explanation is None:
            return undone
    cause, mistake = explanation.cause, explanation.mistake
    result = replace(result, cause=cause)
    if mistake is None or not result.differs_in_network:
        return result
    case = replace(case, tolerance=result.tolerance)
    remaining = judge("network", _compare_with(mistake, spec, case, reference, result))
    stages = tuple(attribute(stage, remaining, cause) for stage in result.stages)
    return replace(result, stages=stages)


def _compare_with(
    mistake: InputMistake | OutputMistake,
    spec: ModelSpec,
    case: ParityCase,
    reference: Runner,
    result: Parity,
) -> Parity:
    """Compare the candidate with the reference that makes the mistake, on the reference's inputs."""
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
