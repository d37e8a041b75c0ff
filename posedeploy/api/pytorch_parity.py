"""Comparison of one artifact with its checkpoint in PyTorch, with the noise floor of PyTorch if needed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from posedeploy.api.model_args import ModelArgs
from posedeploy.api.noise_measurement import NoiseMeasurement, UnmeasurableError
from posedeploy.api.parity_case import ParityCase, widen_tolerance
from posedeploy.api.parity_inputs import ParityInputs, build_parity_inputs
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.parity_sensitivity import add_sensitivity
from posedeploy.api.recorded_candidate import run_artifact
from posedeploy.api.reference_model import load_reference_model
from posedeploy.api.reference_runners import ReferenceRunners
from posedeploy.api.saved_reference import save_reference
from posedeploy.api.stage_attribution import explain_result
from posedeploy.api.stage_comparison import add_stages
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.noise_floor import MORE_RUNS, NoiseFloor, find_largest
from posedeploy.benchmarks.parity import Parity, ReferenceInfo
from posedeploy.benchmarks.reference_writing import check_dtype
from posedeploy.benchmarks.runner_comparison import PairedInputs
from posedeploy.benchmarks.tolerances import to_torch_precision
from posedeploy.checkpoints.float64 import in_float64
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import DeviceError, first_line
from posedeploy.runtimes.base import Runner
from posedeploy.types import Artifact, Model, ModelSpec, OnProgress, Ranges, RunOptions, Tensors

EXTRA_RUNS: tuple[tuple[float, int, int | None], ...] = ((16.0, 16, None), (4.0, 2, MORE_RUNS))
"""Additional measurements of the noise floor while an artifact exceeds its limits. Each has the largest
multiple of the limits that may be noise, the maximum number of inputs (their outputs are in memory), and the
runs of each input."""


def compare_with_pytorch(
    artifact: Artifact,
    options: RunOptions,
    settings: ParityOptions,
    args: ModelArgs,
    on_progress: OnProgress = ignore_progress,
    runners: ReferenceRunners | None = None,
) -> Parity:
    """Compare one artifact with its checkpoint.

    An FP32 candidate on a CPU that is within the tolerance of PyTorch on the CPU passes. Otherwise, the noise
    floor is measured. If it exceeds the tolerance, PyTorch in FP64 is the reference.

    Args:
        runners: the runners of PyTorch that other artifacts share; None opens some for this artifact.
    """
    if runners is None:
        with ReferenceRunners() as runners:
            return compare_with_pytorch(artifact, options, settings, args, on_progress, runners)
    on_progress(f"loading {artifact.path} and its checkpoint", None)
    model = load_reference_model(artifact, settings.checkpoint, args)
    if settings.save_reference is not None:
        for tensor in model.spec.outputs:
            check_dtype(tensor.name, tensor.dtype)
    inputs: list[ParityInputs] = []

    def build_pairs(spec: ModelSpec, ranges: Ranges) -> PairedInputs:
        inputs.append(
            build_parity_inputs(
                model.spec,
                spec,
                settings.images,
                ranges,
                artifact.calibration,
                settings.readable_images,
                settings.frames,
            )
        )
        return inputs[0].pairs

    case = run_artifact(artifact, options, settings, build_pairs, on_progress, model.spec)
    finish = partial(_finish, settings.save_reference, model, case)
    on_cpu = RunOptions(threads=options.threads if options.device == "cpu" else None)
    with runners.open(model, on_cpu) as reference:
        on_device = RunOptions("cuda", cuda_graphs=False) if options.device == "cuda" else on_cpu
        noise_case = _NoiseCase(case, model, inputs[0], settings, runners, finish)
        result = noise_case.judge(reference, on_device)
        if not result.passed or not settings.tries_mistakes:
            return result
        return add_sensitivity(case, model.spec, inputs[0].pairs, reference, result)


def _finish(path: Path | None, model: Model, case: ParityCase, reference: Runner, result: Parity) -> Parity:
    """Write the inputs and the reference's outputs to ``path``, if the user asked for it, and return the
    result with its stages and the cause of its differences."""
    if path is not None:
        save_reference(path, model, case.pairs, reference, result)
    result = replace(result, reference=_describe_reference(model, reference))
    return explain_result(model.spec, case, reference, result)


def _describe_reference(model: Model, reference: Runner) -> ReferenceInfo:
    return ReferenceInfo(
        checkpoint=str(model.source) if model.source is not None else None,
        checkpoint_sha256=model.sha256,
        network=model.network,
        network_sha256=model.network_sha256,
        mesh_sha256=model.mesh_sha256,
        runtime_info=reference.runtime_info,
    )


@dataclass(frozen=True)
class _NoiseCase:
    """A case that is judged above the noise of PyTorch."""

    case: ParityCase
    model: Model
    inputs: ParityInputs
    settings: ParityOptions
    runners: ReferenceRunners
    finish: Callable[[Runner, Parity], Parity]

    def judge(self, reference: CachingRunner, options: RunOptions) -> Parity:
        """Compare without the noise floor if it does not matter, otherwise with it.

        Args:
            options: with which PyTorch runs to measure the noise floor.
        """
        case = self.case
        runtime_info = case.candidate.runtime_info
        is_plain = (runtime_info.device, runtime_info.precision) == ("CPU", "fp32")
        if (is_plain or case.budget is not None) and not self.settings.noise_floor:
            result = case.compare(reference, None)
            if not is_plain:
                result = self._add_bounds(reference, options, result)
            result = add_stages(case, self.model.spec, reference, result)
            is_decided = case.tolerance.is_fixed or case.budget is not None
            if result.passed or is_decided or not result.differs_in_network:
                return self.finish(reference, result)
        return self.compare(reference, options)

    def compare(self, reference: CachingRunner, options: RunOptions) -> Parity:
        """Measure the noise floor with these options in the candidate's precision, and compare."""
        try:
            with self._open_measurement(reference, options) as measurement:
                exact = measurement.exact
                floor = measurement.measure_all(self.inputs, 1 if not self.settings.noise_floor else None)
                floor = replace(floor, jpeg=measurement.compare_poses(reference, self.inputs.jpegs))
                result, judge = self._judge(reference, exact, floor)
                for factor, most, count in EXTRA_RUNS:
                    numbers = self._select(result, factor)[:most]
                    if numbers:
                        floor = floor.extended(
                            measurement.measure(self._list_tensors(numbers), count, seed=1)
                        )
                        result, judge = self._judge(reference, exact, floor)
                return self.finish(judge, result)
        except (DeviceError, UnmeasurableError) as error:
            return self.finish(reference, _without_floor(self.case.compare(reference, None), error))

    def _add_bounds(self, reference: CachingRunner, options: RunOptions, result: Parity) -> Parity:
        """Compare again with the noise at peaks where it can make keypoints ambiguous: a budget counts them
        by the same rule as a tolerance, with FP32 as the reference."""
        case, poses = self.case, result.poses
        has_counterpart = to_torch_precision(case.precision) is not None
        if (
            not has_counterpart
            or not case.decodings.peaks
            or poses is None
            or not poses.differ(case.tolerance)
        ):
            return result
        try:
            with self._open_measurement(reference, options) as measurement:
                sources = [each.tensors for each in self.inputs.noise_floor_inputs]
                return case.compare(reference, measurement.measure(sources, 1))
        except (DeviceError, UnmeasurableError) as error:
            return _without_floor(result, error)

    @contextmanager
    def _open_measurement(self, reference: CachingRunner, options: RunOptions) -> Iterator[NoiseMeasurement]:
        """Open PyTorch in FP64, to measure PyTorch in the candidate's precision.

        Raises:
            UnmeasurableError: PyTorch has no such precision.
            DeviceError: PyTorch does not run there.
        """
        precision = to_torch_precision(self.case.precision)
        if precision is None:
            reported = self.case.precision
            raise UnmeasurableError(f"PyTorch has no counterpart to the reported precision {reported!r}")
        with self.runners.open(in_float64(self.model), options, "fp64") as exact:
            largest = find_largest(reference.run(ours.tensors) for ours, _ in self.case.pairs)
            yield NoiseMeasurement(self.case, self.model, self.runners, options, precision, exact, largest)

    def _judge(
        self, reference: CachingRunner, exact: CachingRunner, floor: NoiseFloor
    ) -> tuple[Parity, CachingRunner]:
        """Return the comparison above a noise floor, and the reference that it needs."""
        case = replace(self.case, tolerance=widen_tolerance(self.case.tolerance, self.settings, floor))
        if floor.exceeds(case.tolerance):
            return replace(case.compare(exact, floor), reference_precision="fp64"), exact
        return case.compare(reference, floor), reference

    def _select(self, result: Parity, factor: float) -> list[int]:
        """Return the numbers of the inputs whose noise can still decide, the worst first.

        Args:
            factor: differences above this multiple of their limits are not noise.
        """
        if result.passed or self.case.tolerance.is_fixed:
            return []
        if result.outputs_pass:  # only poses differ: noise moves their peaks
            return list(range(len(self.inputs.noise_floor_inputs)))
        return result.inputs_near_limits(factor)

    def _list_tensors(self, numbers: Collection[int]) -> list[Tensors]:
        return [ours.tensors for number, (ours, _) in enumerate(self.case.pairs) if number in numbers]


def _without_floor(result: Parity, error: Exception) -> Parity:
    """Return the result with a note that states why there is no noise floor."""
    return replace(result, floor_note=f"no noise floor: {first_line(error)}")
