"""The comparison of one artifact with a reference: its outputs on all inputs, and how they are judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from posedeploy.api.decoding_pair import DecodingPair, UndecodableError
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.reporting import report_steps
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.diagnosis import DifferingRun
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.matched_outputs import RenamedRunner
from posedeploy.benchmarks.noise_floor import FLOAT64_FACTOR, NoiseFloor
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.row_pairing import find_row_axes, pair_rows
from posedeploy.benchmarks.runner_comparison import PairedInputs, compare_outputs
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.runtimes.base import Runner
from posedeploy.types import ModelSpec, OnProgress

CONFIRMATIONS = 3
"""The number of other inputs on which a mistake must explain the difference too."""


@dataclass(frozen=True, kw_only=True)
class ParityCase:
    """An artifact with its recorded outputs, and the settings that decide on them.

    precision: the one whose tolerances hold. runs_again: whether the candidate also ran on
    ``NetworkInput.as_reference``, where it is set. model_sha256: the hash of each file; empty if there is no
    file. reopen: opens the candidate again, to run it on other inputs; None if it cannot be.
    has_live_reference: whether the reference runs on any input, not only on those of ``pairs``.
    """

    label: str
    spec: ModelSpec
    candidate: Runner
    precision: str
    pairs: PairedInputs
    tolerance: Tolerance
    decodings: DecodingPair
    budget: Budget | None
    on_progress: OnProgress
    runs_again: bool = True
    model_sha256: Mapping[str, str] = field(default_factory=dict)
    reopen: Callable[[], AbstractContextManager[Runner]] | None = None
    has_live_reference: bool = True

    def report_steps(self, activity: str) -> Callable[[int, int | None], None]:
        """Return a function that reports the progress of an activity on this artifact."""
        return report_steps(self.on_progress, f"{activity} {Path(self.label).name}")

    @property
    def is_network_comparable(self) -> bool:
        """Whether the candidate ran on all inputs as the reference prepares them."""
        return self.runs_again or not any(theirs.as_reference for _, theirs in self.pairs)

    def with_outputs(self, names: Collection[str]) -> ParityCase:
        """Return the case with these outputs of the candidate only."""
        kept = {name: name for name in names}
        reopen = self.reopen

        @contextmanager
        def reopen_renamed() -> Iterator[Runner]:
            assert reopen is not None, "used only if the case can be reopened"
            with reopen() as runner:
                yield RenamedRunner(runner, kept)

        candidate = RenamedRunner(self.candidate, kept)
        return replace(self, candidate=candidate, reopen=None if reopen is None else reopen_renamed)

    def compare(self, reference: Runner, floor: NoiseFloor | None) -> Parity:
        """Compare the candidate with a reference, with a tolerance of at least the noise floor.

        If the candidate's description does not decode its outputs, the reference's is used.
        """
        sides = (reference, self.candidate, self.pairs, floor)
        try:
            parity = self.compare_runners(*sides, decodings=self.decodings)
        except UndecodableError:
            parity = self.compare_runners(*sides)
        return replace(
            parity,
            input_specs=self.spec.inputs,
            output_specs=self.spec.outputs,
            model_sha256=self.model_sha256,
        )

    def rerun_worst(self, spec: ModelSpec, reference: Runner, result: Parity) -> list[DifferingRun]:
        """Return both outputs on the inputs with the largest differences, the worst first.

        Empty if the numbers of rows differ on the worst one; others where they differ are left out.

        Args:
            spec: of the reference, with the names of the outputs in ``result``.
        """
        if not result.outputs:
            return []
        worst = max(result.outputs, key=lambda output: output.rtol)
        sizes = [each.max_absolute for each in worst.differences]
        numbers = sorted(range(len(sizes)), key=lambda number: -sizes[number])[: 1 + CONFIRMATIONS]
        runs = self._run_both(spec, reference, numbers)
        return [runs[number] for number in numbers if number in runs] if numbers[0] in runs else []

    def _run_both(
        self, spec: ModelSpec, reference: Runner, numbers: Sequence[int]
    ) -> dict[int, DifferingRun]:
        """Return both outputs on the inputs with these numbers, except where the numbers of rows differ."""
        runs: dict[int, DifferingRun] = {}
        axes = find_row_axes(reference, self.candidate)
        for number, (ours, theirs) in enumerate(self.pairs):
            if number not in numbers:
                continue
            expected, actual = reference.run(ours.tensors), self.candidate.run(theirs.tensors)
            paired = pair_rows(expected, actual, axes)
            if not paired.counts:
                fixed = fix_input_shape(spec, ours)
                runs[number] = DifferingRun(fixed, ours, theirs, paired.expected, paired.actual, axes)
        return runs

    def compare_runners(
        self,
        reference: Runner,
        candidate: Runner,
        pairs: PairedInputs,
        floor: NoiseFloor | None = None,
        decodings: DecodingPair | None = None,
    ) -> Parity:
        """Compare two runners by the tolerance and the budget of this case.

        Args:
            decodings: None decodes both sides like the reference.

        Raises:
            UndecodableError: the candidate's description does not decode its outputs.
        """
        decodings = decodings or self.decodings.without_candidate()
        parity = compare_outputs(
            self.label,
            reference,
            candidate,
            pairs,
            tolerance=self.tolerance,
            decode=decodings.decode,
            decode_candidate=decodings.decode_candidate,
            peaks=decodings.peaks,
            floor=floor,
            pairing=decodings.pairing,
            on_progress=self.report_steps("comparing"),
        )
        return replace(parity, budget=self.budget)


def fix_input_shape(spec: ModelSpec, network_input: NetworkInput) -> ModelSpec:
    """Return the spec of a network on images with the shape of this input."""
    if network_input.image is None:
        return spec
    shape = network_input.tensors[spec.inputs[0].name].shape
    return replace(spec, inputs=(replace(spec.inputs[0], shape=shape),))


def widen_tolerance(tolerance: Tolerance, settings: ParityOptions, floor: NoiseFloor) -> Tolerance:
    """Return the tolerance of poses, in FP32 at least ``FLOAT64_FACTOR`` times the noise of PyTorch.

    A lower precision is the user's choice and widens nothing.
    """
    noise = floor.pose_noise
    if noise is None or floor.precision != "fp32":
        return tolerance
    px = tolerance.px if settings.max_px is not None else _widen(tolerance.px, noise.px)
    mm = tolerance.mm if settings.max_mm is not None else _widen(tolerance.mm, noise.mm)
    return replace(tolerance, px=px, mm=mm)


def _widen(tolerance: float, noise: float) -> float:
    return max(tolerance, FLOAT64_FACTOR * noise) if math.isfinite(noise) else tolerance
