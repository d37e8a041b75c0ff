"""Comparison of one artifact with another artifact of the same network, without PyTorch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from posedeploy import artifact_files
from posedeploy.api.against_inputs import build_against_inputs, describe_like
from posedeploy.api.decoding_pair import pair_decodings
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.open_models import open_with_args
from posedeploy.api.parity_case import ParityCase
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.recorded_candidate import run_artifact
from posedeploy.api.stage_attribution import explain_result
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.matched_outputs import (
    FileOutputs,
    MatchedOutputs,
    RenamedRunner,
    match_outputs,
    rename_outputs,
)
from posedeploy.benchmarks.parity import AgainstInfo, Parity
from posedeploy.benchmarks.runner_comparison import PairedInputs
from posedeploy.benchmarks.tolerances import coarsest_precision, is_coarser
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError
from posedeploy.manifest import has_manifest
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import devices_of, open_runner, resolve_spec
from posedeploy.types import Artifact, ModelSpec, OnProgress, Ranges, RunOptions

logger = logging.getLogger(__name__)


def open_against(source: Artifact | Path, args: ModelArgs, contract: Path | None) -> Artifact:
    """Open the artifact that others are compared with.

    Args:
        args: the description of the others, which applies to a file without a manifest too.
        contract: the description of this one instead.

    Raises:
        PoseDeployError: it cannot be opened.
    """
    if contract is not None:
        return open_with_args(source, ModelArgs(contract=contract))
    if isinstance(source, Artifact) or has_manifest(source):
        return open_with_args(source, ModelArgs())
    return open_with_args(source, args)


def compare_with_artifact(
    artifact: Artifact,
    options: RunOptions,
    settings: ParityOptions,
    against: Artifact,
    on_progress: OnProgress = ignore_progress,
) -> Parity:
    """Compare one artifact with another artifact of the same network.

    The reference runs on the CPU if it can, in the precision that it was exported for. Neither the noise
    floor nor FP64 is available, since both need PyTorch.

    Raises:
        PoseDeployError: one of them does not run, or their inputs or outputs do not fit each other.
    """
    on_progress(f"loading {artifact.path} and {against.path}", None)
    artifact, against = describe_like(artifact, against), describe_like(against, artifact)
    device = "cpu" if "cpu" in devices_of(against) else options.device
    threads = options.threads if device == options.device else None
    with open_runner(against, RunOptions(device, None, threads)) as runner:
        reference = _Reference(against, _resolve_spec(against, runner), runner)
        return reference.compare(artifact, options, settings, on_progress)


def _resolve_spec(against: Artifact, runner: Runner) -> ModelSpec:
    try:
        return resolve_spec(against, runner)
    except InputError as error:
        raise InputError(str(error).replace("`contract`", "`against_contract`")) from error


@dataclass(frozen=True)
class _Reference:
    """The opened artifact that others are compared with; spec: that of its tensors."""

    artifact: Artifact
    spec: ModelSpec
    runner: Runner

    def compare(
        self, artifact: Artifact, options: RunOptions, settings: ParityOptions, on_progress: OnProgress
    ) -> Parity:
        calibrations = [each.calibration for each in (artifact, self.artifact) if each.calibration]

        def build_pairs(spec: ModelSpec, ranges: Ranges) -> PairedInputs:
            return build_against_inputs(self.spec, spec, settings, ranges, calibrations)

        adapted = adapt_runner(self.runner, self.spec)
        case = run_artifact(artifact, options, settings, build_pairs, on_progress)
        matched = match_outputs(
            FileOutputs(str(artifact.path), case.candidate.outputs, case.spec.roles),
            FileOutputs(str(self.artifact.path), adapted.outputs, self.spec.roles),
        )
        self._report_unmatched(artifact, matched)
        spec = rename_outputs(self.spec, matched.names, case.spec.roles)
        own = rename_outputs(case.spec, {name: name for name in matched.names}, case.spec.roles)
        case = replace(case.with_outputs(matched.names), decodings=pair_decodings(spec, own))
        case = self._with_limits(case, settings)
        reference = CachingRunner(RenamedRunner(adapted, matched.names))
        result = case.compare(reference, None)
        result = replace(
            result,
            reference_precision=reference.runtime_info.precision,
            against=AgainstInfo(
                path=str(self.artifact.path),
                model_sha256=artifact_files.hashes_of(self.artifact),
                runtime_info=reference.runtime_info,
                outputs=dict(matched.names),
            ),
        )
        result = explain_result(spec, case, reference, result)
        is_noise_unknown = not result.passed and result.budget is None
        return replace(result, floor_note=self._note) if is_noise_unknown else result

    @property
    def _note(self) -> str:
        return (
            "noise floor: not measured, because it needs PyTorch and the reference is "
            f"{self.artifact.path}; if the difference is a rounding error of this device, pass `rtol`"
        )

    def _report_unmatched(self, artifact: Artifact, matched: MatchedOutputs) -> None:
        for path, names in (
            (artifact.path, matched.only_candidate),
            (self.artifact.path, matched.only_reference),
        ):
            if names:
                logger.info(f"not compared, because only {path} has them: {_join(names)}")

    def _with_limits(self, case: ParityCase, settings: ParityOptions) -> ParityCase:
        """Return the case with the tolerance and the budget of the coarser precision of the two."""
        precision = coarsest_precision(self.runner.runtime_info.precision, self.artifact.precision)
        if is_coarser(precision, case.precision):
            logger.info(
                f"{self.artifact.path} runs in {precision}, which is coarser than {case.precision}, so the "
                f"tolerances of {precision} apply"
            )
        else:
            precision = case.precision
        return replace(
            case,
            precision=precision,
            tolerance=settings.tolerance(precision),
            budget=settings.budget_for(case.spec, precision, has_poses=case.decodings.decode is not None),
        )


def _join(names: Sequence[str]) -> str:
    return ", ".join(names)
