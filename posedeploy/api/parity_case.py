"""The comparison of one artifact with a reference: its outputs on all inputs, and how they are judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from posedeploy import artifact_files
from posedeploy.api.decoding_pair import DecodingPair, UndecodableError, pair_decodings
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.reporting import report_steps
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.diagnosis import (
    EXPLAINED,
    DifferingRun,
    Explanation,
    explain_difference,
    explain_together,
)
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.noise_floor import FLOAT64_FACTOR, NoiseFloor
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.row_pairing import find_row_axes, pair_rows
from posedeploy.benchmarks.runner_comparison import PairedInputs, compare_outputs
from posedeploy.benchmarks.tolerances import Tolerance, coarsest_precision
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner, resolve_spec
from posedeploy.types import Artifact, ModelSpec, OnProgress, Ranges, RunOptions

CONFIRMATIONS = 3
"""The number of other inputs on which a mistake must explain the difference too."""

BuildPairs: TypeAlias = Callable[[ModelSpec, Ranges], PairedInputs]
"""Returns the inputs for an artifact with this spec, within these ranges of its runner."""


@dataclass(frozen=True, kw_only=True)
class ParityCase:
    """An artifact with its recorded outputs, and the settings that decide on them.

    precision: the one whose tolerances hold. runs_again: whether the candidate also ran on
    ``NetworkInput.as_reference``, where it is set. model_sha256: the hash of each file; empty if there is no
    file.
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

    def report_steps(self, activity: str) -> Callable[[int, int | None], None]:
        """Return a function that reports the progress of an activity on this artifact."""
        return report_steps(self.on_progress, f"{activity} {Path(self.label).name}")

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

    def explain(self, spec: ModelSpec, reference: Runner, result: Parity) -> Explanation | None:
        """Return the known mistake that explains the difference on the inputs where it is largest.

        Args:
            spec: of the reference, with the names of the outputs in ``result``.
        """
        if not result.outputs:
            return None
        worst = max(result.outputs, key=lambda output: output.rtol)
        sizes = [each.max_relative for each in worst.differences]
        numbers = sorted(range(len(sizes)), key=lambda number: -sizes[number])[: 1 + CONFIRMATIONS]
        runs = self._run_both(spec, reference, numbers)
        first = runs.get(numbers[0])
        if first is None:
            return None
        explanation = explain_difference(reference, first.spec, first.source, first.expected, first.actual)
        if explanation is None or explanation.mistake is None:
            return explanation
        explained = explain_together(reference, explanation.mistake, runs.values())
        return explanation if explained >= EXPLAINED else None

    def _run_both(
        self, spec: ModelSpec, reference: Runner, numbers: Sequence[int]
    ) -> dict[int, DifferingRun]:
        """Return both outputs on the inputs with these numbers, except where the numbers of rows differ."""
        runs: dict[int, DifferingRun] = {}
        for number, (ours, theirs) in enumerate(self.pairs):
            if number not in numbers:
                continue
            expected, actual = reference.run(ours.tensors), self.candidate.run(theirs.tensors)
            paired = pair_rows(expected, actual, find_row_axes(reference, self.candidate))
            if not paired.counts:
                fixed = fix_input_shape(spec, ours)
                runs[number] = DifferingRun(fixed, ours, paired.expected, paired.actual)
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


def run_artifact(
    artifact: Artifact,
    options: RunOptions,
    settings: ParityOptions,
    build_pairs: BuildPairs,
    on_progress: OnProgress,
    reference: ModelSpec | None = None,
) -> ParityCase:
    """Run an artifact on all inputs.

    It runs before the reference, because TF32 is a setting of the process.

    Args:
        reference: the description of the reference; None decodes both sides by that of the candidate.

    Raises:
        PoseDeployError: the artifact does not run with these options, or there are no inputs for it.
    """
    with open_runner(artifact, options, settings.runtime) as runner:
        spec = resolve_spec(artifact, runner)
        adapted = adapt_runner(runner, spec)
        pairs = build_pairs(spec, adapted.ranges)
        described = replace(artifact, spec=spec)
        case = record_outputs(described, adapted, pairs, settings, on_progress, reference)
    return replace(case, model_sha256=artifact_files.hashes_of(artifact))


def record_outputs(
    artifact: Artifact,
    runner: Runner,
    pairs: PairedInputs,
    settings: ParityOptions,
    on_progress: OnProgress,
    reference: ModelSpec | None = None,
    *,
    runs_again: bool = True,
) -> ParityCase:
    """Run a candidate on all inputs.

    Args:
        artifact: with the spec of its tensors.
        runner: with the tensors that decoding needs.
        reference: the description of the reference; None decodes both sides by that of the candidate.
        runs_again: whether the runner also takes inputs that are prepared by the reference's contract.

    Raises:
        InputError: the network does not have what the user's budget limits.
    """
    spec = artifact.spec
    precision = coarsest_precision(runner.runtime_info.precision, artifact.precision)
    decodings = pair_decodings(reference or spec, spec)
    case = ParityCase(
        label=str(artifact.path),
        spec=spec,
        candidate=CachingRunner(runner),
        precision=precision,
        pairs=pairs,
        tolerance=settings.tolerance(precision),
        decodings=decodings,
        budget=settings.budget_for(spec, precision, has_poses=decodings.decode is not None),
        on_progress=on_progress,
        runs_again=runs_again,
    )
    report = case.report_steps("running")
    for number, (_, candidate_input) in enumerate(pairs):
        case.candidate.run(candidate_input.tensors)
        if runs_again and candidate_input.as_reference is not None:
            case.candidate.run(candidate_input.as_reference.tensors)
        report(number + 1, len(pairs))
    return case


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
