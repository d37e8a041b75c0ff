"""Comparison of one artifact with its checkpoint in PyTorch, with the noise floor of PyTorch if needed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from posedeploy.api.model_args import ModelArgs
from posedeploy.api.open_models import open_pytorch_runner
from posedeploy.api.parity_inputs import ParityInputs, build_parity_inputs
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.reference_model import load_reference_model
from posedeploy.api.reporting import report_steps
from posedeploy.benchmarks.ambiguity import bound_noise, compare_image
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.keypoints import ImageParity, PoseParity
from posedeploy.benchmarks.noise_floor import FLOAT64_FACTOR, NoiseFloor, measure_noise
from posedeploy.benchmarks.parity import Pairing, Parity, compare_outputs, select_image
from posedeploy.benchmarks.recorded_runner import RecordedRunner
from posedeploy.benchmarks.tolerances import Tolerance, to_torch_precision
from posedeploy.checkpoints.float64 import in_float64
from posedeploy.convert.export_options import ignore_progress
from posedeploy.decoders import Decode, decoder_of, has_heatmaps
from posedeploy.errors import DeviceError, first_line
from posedeploy.families import FAMILIES, poses_of
from posedeploy.keypoint_descriptions import find_missing_description
from posedeploy.reduced_precision import DTYPES, ReducedPrecision
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner, resolve_spec
from posedeploy.types import Artifact, Camera, Model, ModelSpec, OnProgress, Precision, RunOptions

logger = logging.getLogger(__name__)


def compare_with_pytorch(
    artifact: Artifact,
    options: RunOptions,
    settings: ParityOptions,
    args: ModelArgs,
    on_progress: OnProgress = ignore_progress,
) -> Parity:
    """Compare one artifact with its checkpoint.

    An FP32 candidate on a CPU that is within the tolerance of PyTorch on the CPU passes. Otherwise, the noise
    floor is measured. If it exceeds the tolerance, PyTorch in FP64 is the reference.
    """
    on_progress(f"loading {artifact.path} and its checkpoint", None)
    model = load_reference_model(artifact, settings.checkpoint, args)
    with open_runner(artifact, options, settings.runtime) as runner:
        spec = resolve_spec(artifact, runner)
        candidate = RecordedRunner(adapt_runner(runner, spec))
        inputs = build_parity_inputs(
            model.spec, spec, settings.images, candidate.ranges, artifact.calibration
        )
        tolerance = settings.tolerance(runner.runtime_info.precision)
        decode = _build_decode(spec)
        budget = settings.budget_for(spec, runner.runtime_info.precision, has_poses=decode is not None)
        case = _Case(
            label=str(artifact.path),
            model=model,
            spec=spec,
            candidate=candidate,
            inputs=inputs,
            settings=settings,
            tolerance=tolerance,
            decode=decode,
            budget=budget,
            on_progress=on_progress,
        )
        case.run_candidate()
    on_cpu = RunOptions(threads=options.threads if options.device == "cpu" else None)
    with _open_recorded(model, on_cpu) as reference:
        runtime_info = candidate.runtime_info
        is_plain = (runtime_info.device, runtime_info.precision) == ("CPU", "fp32")
        if (is_plain or budget is not None) and not settings.noise_floor:
            result = case.compare(reference, None)
            if result.passed or case.tolerance.is_fixed or budget is not None:
                return result
        on_device = RunOptions("cuda", cuda_graphs=False) if options.device == "cuda" else on_cpu
        return case.compare_above_noise(reference, on_device)


@contextmanager
def _open_recorded(model: Model, options: RunOptions) -> Iterator[RecordedRunner]:
    with open_pytorch_runner(model, options) as runner:
        yield RecordedRunner(adapt_runner(runner, model.spec))


@dataclass(frozen=True, kw_only=True)
class _Case:
    """An artifact with its model, inputs and settings."""

    label: str
    model: Model
    spec: ModelSpec
    candidate: RecordedRunner
    inputs: ParityInputs
    settings: ParityOptions
    tolerance: Tolerance
    decode: Decode | None
    budget: Budget | None
    on_progress: OnProgress

    def run_candidate(self) -> None:
        """Run the candidate on all inputs before PyTorch runs, because TF32 is a setting of the process."""
        report = self._report_steps("running")
        for number, (_, candidate_input) in enumerate(self.inputs.pairs):
            self.candidate.run(candidate_input.tensors)
            report(number + 1, len(self.inputs.pairs))

    def _report_steps(self, activity: str) -> Callable[[int, int | None], None]:
        return report_steps(self.on_progress, f"{activity} {Path(self.label).name}")

    def compare(self, reference: Runner, floor: NoiseFloor | None) -> Parity:
        """Compare the candidate with a reference, with a tolerance of at least the noise floor."""
        parity = compare_outputs(
            self.label,
            reference,
            self.candidate,
            self.inputs.pairs,
            tolerance=self.tolerance,
            decode=self.decode,
            peaks=list_peak_outputs(self.spec),
            floor=floor,
            pairing=_pairing(self.spec) if self.decode is not None else None,
            on_progress=self._report_steps("comparing"),
        )
        return replace(
            parity,
            input_specs=self.spec.inputs,
            output_specs=self.spec.outputs,
            budget=self.budget,
        )

    def compare_above_noise(self, reference: RecordedRunner, options: RunOptions) -> Parity:
        """Measure the noise floor with these options in the candidate's precision, and compare."""
        reported = self.candidate.runtime_info.precision
        precision = to_torch_precision(reported)
        if precision is None:
            note = f"no noise floor: PyTorch has no counterpart to the reported precision {reported!r}"
            return replace(self.compare(reference, None), floor_note=note)
        try:
            with _open_recorded(in_float64(self.model), options) as exact:
                floor = self._floor(exact, options, precision)
                floor = replace(floor, jpeg=self._compare_poses(reference, self.inputs.jpegs))
                case = replace(self, tolerance=self._widen_tolerance(floor))
                if floor.exceeds(self.tolerance):
                    return replace(case.compare(exact, floor), reference_precision="fp64")
        except (DeviceError, _UnmeasurableError) as error:
            return replace(self.compare(reference, None), floor_note=f"no noise floor: {first_line(error)}")
        return case.compare(reference, floor)

    def _widen_tolerance(self, floor: NoiseFloor) -> Tolerance:
        """Return the tolerance of poses, in FP32 at least ``FLOAT64_FACTOR`` times the noise of PyTorch.

        A lower precision is the user's choice and widens nothing.
        """
        poses, tolerance = floor.poses, self.tolerance
        if poses is None or floor.precision != "fp32":
            return tolerance
        error_mm = max(poses.error_mm or 0.0, poses.error_vertices_mm or 0.0)
        px = tolerance.px if self.settings.max_px is not None else _widen(tolerance.px, poses.error_px)
        mm = tolerance.mm if self.settings.max_mm is not None else _widen(tolerance.mm, error_mm)
        return replace(tolerance, px=px, mm=mm)

    def _floor(self, exact: RecordedRunner, options: RunOptions, precision: str) -> NoiseFloor:
        inputs = self.inputs.noise_floor_inputs
        tensors = [each.tensors for each in inputs]
        with (
            _convert_errors(self.model),
            _open_recorded(*_in_precision(self.model, options, precision)) as runner,
        ):
            report = self._report_steps("measuring the noise floor of PyTorch for")
            expected = [exact.run(each) for each in tensors]
            floor = measure_noise(expected, runner, tensors, precision, options.device, report)
            pairs = [(each, each) for each in inputs]
            return replace(floor, poses=self._compare_poses(exact, pairs, runner, floor))

    def _compare_poses(
        self,
        reference: Runner,
        pairs: Sequence[tuple[NetworkInput, NetworkInput]],
        other: Runner | None = None,
        floor: NoiseFloor | None = None,
    ) -> PoseParity | None:
        """Compare the poses of ``reference`` on each first input with those of ``other`` on the second.

        ``other`` defaults to ``reference``. Keypoints within the noise floor are ambiguous. The result is
        None without inputs or a decoding.
        """
        decode = self.decode
        if decode is None or not pairs:
            return None
        images: list[ImageParity] = []
        bounds = bound_noise(list_peak_outputs(self.spec), floor) if floor is not None else {}
        for first, second in pairs:
            expected, outputs = reference.run(first.tensors), (other or reference).run(second.tensors)
            for index, placement in enumerate(first.placements):
                sides = select_image(expected, index), select_image(outputs, index)
                images.append(compare_image(decode, *sides, placement, self.tolerance, bounds))
        return PoseParity(tuple(images))


def _widen(tolerance: float, noise: float) -> float:
    return max(tolerance, FLOAT64_FACTOR * noise) if math.isfinite(noise) else tolerance


class _UnmeasurableError(Exception):
    """The user's own network does not run in another precision."""


@contextmanager
def _convert_errors(model: Model) -> Iterator[None]:
    """Convert errors of the user's network, whose code may only work in FP32."""
    try:
        yield
    except (RuntimeError, TypeError, ValueError) as error:
        if model.network is None:
            raise
        reason = f"{model.network} does not run in another precision ({first_line(error)})"
        raise _UnmeasurableError(reason) from error


def _in_precision(model: Model, options: RunOptions, precision: str) -> tuple[Model, RunOptions]:
    """Return the network and the options to run it in a precision on PyTorch.

    PyTorch's runner on the CPU has FP32 only, so the network itself casts there.
    """
    if options.device == "cpu" and precision in DTYPES:
        network = model.export_form or model.module
        module = ReducedPrecision(network, precision, channels_last=False, emulated=True).eval()
        return replace(model, module=module), options
    return model, replace(options, precision=cast(Precision, precision))


def _build_decode(spec: ModelSpec) -> Decode | None:
    if spec.family not in FAMILIES or (spec.contract is None and spec.joints is None):
        return None
    if missing := find_missing_description(spec):
        logger.info(f"only outputs are compared, not keypoints: {missing}")
        return None
    return decoder_of(spec, Camera())


def _pairing(spec: ModelSpec) -> Pairing:
    refine = decoder_of(spec, Camera(), refine=True) if has_heatmaps(spec.family) else None
    return Pairing(spec.keypoint_names, refine)


def list_peak_outputs(spec: ModelSpec) -> list[str]:
    """Return the outputs whose peaks the family's decoding selects."""
    if spec.family not in FAMILIES:
        return []
    return [spec.roles[role] for role in poses_of(spec.family).PEAK_ROLES if role in spec.roles]
