"""Comparison of an artifact with the outputs of PyTorch in a reference file, without PyTorch."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from posedeploy.api.collected_outputs import CollectedRunner
from posedeploy.api.parity_case import widen_tolerance
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.recorded_candidate import record_outputs, run_artifact
from posedeploy.api.stage_attribution import explain_result
from posedeploy.api.stored_inputs import StoredPairs, select_inputs
from posedeploy.benchmarks.noise_floor import NoiseFloor
from posedeploy.benchmarks.parity import Parity, ReferenceInfo
from posedeploy.benchmarks.reference_file import (
    ReferenceFile,
    StoredFloor,
    digest_of,
    open_reference,
)
from posedeploy.benchmarks.tolerances import to_torch_precision
from posedeploy.convert.export_options import ignore_progress
from posedeploy.runtimes.adapted import adapt_tensor
from posedeploy.runtimes.base import Runner
from posedeploy.types import (
    Artifact,
    ModelSpec,
    OnProgress,
    Ranges,
    RunOptions,
    RuntimeInfo,
    Tensors,
)

logger = logging.getLogger(__name__)


def compare_with_reference(
    artifact: Artifact,
    options: RunOptions,
    settings: ParityOptions,
    path: Path,
    collected: Path | None = None,
    on_progress: OnProgress = ignore_progress,
) -> Parity:
    """Compare one artifact with the outputs in a reference file, on its inputs.

    Images are prepared as the artifact requires. The noise floor is the saved one, if it has the
    device and the precision in which the artifact runs.

    Args:
        collected: the file of the outputs that the artifact returned elsewhere; None runs it here.

    Raises:
        InputError: the file is not a reference file, is damaged, or has no input of a shape that the artifact
            accepts.
    """
    on_progress(f"loading {artifact.path} and {path}", None)
    reference = open_reference(path)
    document = reference.document
    _check_checkpoint(artifact, reference)

    def build_pairs(spec: ModelSpec, ranges: Ranges) -> StoredPairs:
        return select_inputs(artifact, reference, spec, ranges)

    if collected is None:
        case = run_artifact(artifact, options, settings, build_pairs, on_progress, document.spec)
    else:
        pairs = build_pairs(artifact.spec, {})
        with CollectedRunner(artifact, pairs, collected) as collector:
            case = record_outputs(
                artifact, collector, pairs, settings, on_progress, document.spec, runs_again=False
            )
    device = "cpu" if collected is not None or options.device != "cuda" else "cuda"
    floor = _saved_floor(document.floor, case.precision, device)
    if floor is not None:
        case = replace(case, tolerance=widen_tolerance(case.tolerance, settings, floor))
    case = replace(case, has_live_reference=False)
    with StoredRunner(reference) as runner:
        result = explain_result(document.spec, case, runner, case.compare(runner, floor))
    if floor is None and result.budget is None and not result.passed:
        result = replace(result, floor_note=_describe_missing_floor(case.precision, device))
    saved = ReferenceInfo(checkpoint=document.checkpoint, checkpoint_sha256=document.checkpoint_sha256)
    result = replace(result, reference=saved)
    return replace(result, reference_precision="fp64") if document.precision == "fp64" else result


class StoredRunner(Runner):
    """Returns the outputs of a reference file for the inputs in it."""

    def __init__(self, reference: ReferenceFile) -> None:
        document = reference.document
        self._reference = reference
        self._numbers = {digest_of(stored.inputs): number for number, stored in enumerate(reference)}
        self.inputs, self.outputs = document.spec.inputs, tuple(map(adapt_tensor, document.spec.outputs))
        version = document.packages.get("torch", "unknown")
        self.runtime_info = RuntimeInfo("pytorch", version, "as saved", document.precision, None)

    def _run(self, tensors: Tensors) -> Tensors:
        return self._reference.read(self._numbers[digest_of(tensors)]).outputs


def _check_checkpoint(artifact: Artifact, reference: ReferenceFile) -> None:
    recorded, own = artifact.provenance, reference.document.checkpoint_sha256
    if recorded is not None and recorded.checkpoint_sha256 != own:
        logger.warning(
            f"{reference.path}: written with a checkpoint whose SHA-256 is {own[:12]}..., but "
            f"{artifact.path} was exported from {recorded.checkpoint_sha256[:12]}...; using it anyway, "
            "because you passed `reference`"
        )


def _describe_missing_floor(precision: str, device: str) -> str:
    return (
        f"no noise floor: the reference file was saved without one for {precision} on {device}; save it "
        f"again with `noise_floor` and an artifact that runs in {precision} on {device}"
    )


def _saved_floor(stored: StoredFloor | None, precision: str, device: str) -> NoiseFloor | None:
    """Return the saved noise floor, if it has the precision and the device of the candidate."""
    if stored is None or (stored.precision, stored.device) != (to_torch_precision(precision), device):
        return None
    return NoiseFloor(
        stored.device,
        stored.precision,
        stored.outputs,
        stored.inputs,
        stored.runs,
        pose_noise=stored.pose_noise,
    )
