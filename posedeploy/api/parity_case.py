"""The comparison of one artifact with a reference: its outputs on all inputs, and how they are judged."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from posedeploy import artifact_files
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.reporting import report_steps
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.diagnosis import Cause, find_cause
from posedeploy.benchmarks.noise_floor import FLOAT64_FACTOR, NoiseFloor
from posedeploy.benchmarks.parity import PairedInputs, Pairing, Parity, compare_outputs
from posedeploy.benchmarks.tolerances import Tolerance, coarsest_precision
from posedeploy.decoders import Decode, decoder_of, has_heatmaps
from posedeploy.families import decoder_poses_of, has_decoding, poses_of
from posedeploy.keypoint_descriptions import find_missing_description
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner, resolve_spec
from posedeploy.types import Artifact, Camera, ModelSpec, OnProgress, Ranges, RunOptions

logger = logging.getLogger(__name__)
BuildPairs: TypeAlias = Callable[[ModelSpec, Ranges], PairedInputs]
"""Returns the inputs for an artifact with this spec, within these ranges of its runner."""


@dataclass(frozen=True, kw_only=True)
class ParityCase:
    """An artifact with its recorded outputs, and the settings that decide on them.

    precision: the one whose tolerances hold. model_sha256: the hash of each file; empty if there is no file.
    """

    label: str
    spec: ModelSpec
    candidate: Runner
    precision: str
    pairs: PairedInputs
    tolerance: Tolerance
    decode: Decode | None
    budget: Budget | None
    on_progress: OnProgress
    model_sha256: Mapping[str, str] = field(default_factory=dict)

    def report_steps(self, activity: str) -> Callable[[int, int | None], None]:
        """Return a function that reports the progress of an activity on this artifact."""
        return report_steps(self.on_progress, f"{activity} {Path(self.label).name}")

    def compare(self, reference: Runner, floor: NoiseFloor | None) -> Parity:
        """Compare the candidate with a reference, with a tolerance of at least the noise floor."""
        parity = compare_outputs(
            self.label,
            reference,
            self.candidate,
            self.pairs,
            tolerance=self.tolerance,
            decode=self.decode,
            peaks=list_peak_outputs(self.spec),
            floor=floor,
            pairing=build_pairing(self.spec) if self.decode is not None else None,
            on_progress=self.report_steps("comparing"),
        )
        return replace(
            parity,
            input_specs=self.spec.inputs,
            output_specs=self.spec.outputs,
            budget=self.budget,
            model_sha256=self.model_sha256,
        )

    def find_cause(self, spec: ModelSpec, reference: Runner, result: Parity) -> Cause | None:
        """Return the known mistake that explains the difference on the input where it is largest.

        Args:
            spec: of the reference, with the names of the outputs in ``result``.
        """
        if not result.outputs:
            return None
        worst = max(result.outputs, key=lambda output: output.rtol)
        number = max(range(len(worst.differences)), key=lambda index: worst.differences[index].max_relative)
        reference_input, candidate_input = next(islice(self.pairs, number, None))
        if reference_input.image is not None:
            shape = reference_input.tensors[spec.inputs[0].name].shape
            spec = replace(spec, inputs=(replace(spec.inputs[0], shape=shape),))
        expected, actual = reference.run(reference_input.tensors), self.candidate.run(candidate_input.tensors)
        return find_cause(reference, spec, reference_input, expected, actual)


def run_artifact(
    artifact: Artifact,
    options: RunOptions,
    settings: ParityOptions,
    build_pairs: BuildPairs,
    on_progress: OnProgress,
) -> ParityCase:
    """Run an artifact on all inputs.

    It runs before the reference, because TF32 is a setting of the process.

    Raises:
        PoseDeployError: the artifact does not run with these options, or there are no inputs for it.
    """
    with open_runner(artifact, options, settings.runtime) as runner:
        spec = resolve_spec(artifact, runner)
        adapted = adapt_runner(runner, spec)
        pairs = build_pairs(spec, adapted.ranges)
        case = record_outputs(replace(artifact, spec=spec), adapted, pairs, settings, on_progress)
    return replace(case, model_sha256=artifact_files.hashes_of(artifact))


def record_outputs(
    artifact: Artifact,
    runner: Runner,
    pairs: PairedInputs,
    settings: ParityOptions,
    on_progress: OnProgress,
) -> ParityCase:
    """Run a candidate on all inputs.

    Args:
        artifact: with the spec of its tensors.
        runner: with the tensors that decoding needs.

    Raises:
        InputError: the network does not have what the user's budget limits.
    """
    spec, decode = artifact.spec, build_decode(artifact.spec)
    precision = coarsest_precision(runner.runtime_info.precision, artifact.precision)
    case = ParityCase(
        label=str(artifact.path),
        spec=spec,
        candidate=CachingRunner(runner),
        precision=precision,
        pairs=pairs,
        tolerance=settings.tolerance(precision),
        decode=decode,
        budget=settings.budget_for(spec, precision, has_poses=decode is not None),
        on_progress=on_progress,
    )
    report = case.report_steps("running")
    for number, (_, candidate_input) in enumerate(pairs):
        case.candidate.run(candidate_input.tensors)
        report(number + 1, len(pairs))
    return case


def build_decode(spec: ModelSpec) -> Decode | None:
    """Return the published decoding of a network; None, with the reason logged, if it is unknown."""
    if not has_decoding(spec.family) or (spec.contract is None and spec.joints is None):
        return None
    if missing := find_missing_description(spec):
        logger.info(f"only outputs are compared, not keypoints: {missing}")
        return None
    return decoder_of(spec, Camera())


def build_pairing(spec: ModelSpec) -> Pairing:
    """Return how the people of a network are compared one by one."""
    refine = decoder_of(spec, Camera(), refine=True) if has_heatmaps(spec.family) else None
    return Pairing(spec.keypoint_names, refine, spec.skeleton)


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


def list_peak_outputs(spec: ModelSpec) -> list[str]:
    """Return the outputs whose peaks the family's decoding selects, or by which it decides who is a
    person."""
    if not has_decoding(spec.family):
        return []
    decoder = decoder_poses_of(spec.family)
    roles = (*poses_of(spec.family).PEAK_ROLES, *(decoder.DECISION_ROLES if decoder is not None else ()))
    return [spec.roles[role] for role in roles if role in spec.roles]
