"""Comparison of one artifact with its checkpoint in PyTorch, with the noise floor of PyTorch if needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

from posedeploy.api.model_args import ModelArgs
from posedeploy.api.parity_case import ParityCase, run_artifact, widen_tolerance
from posedeploy.api.parity_inputs import ParityInputs, build_parity_inputs
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.reference_model import load_reference_model
from posedeploy.api.reference_runners import ReferenceRunners
from posedeploy.api.saved_reference import save_reference
from posedeploy.api.stage_attribution import add_cause
from posedeploy.api.stage_comparison import compare_stages
from posedeploy.benchmarks.ambiguity import bound_noise, compare_image
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.image_comparison import select_image
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.keypoints import ImageParity, PoseParity
from posedeploy.benchmarks.noise_floor import MORE_RUNS, NoiseFloor, measure_noise
from posedeploy.benchmarks.parity import Parity, ReferenceInfo
from posedeploy.benchmarks.runner_comparison import PairedInputs
from posedeploy.benchmarks.stage_parity import is_in_decoding_only
from posedeploy.benchmarks.tolerances import to_torch_precision
from posedeploy.checkpoints.float64 import in_float64
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import DeviceError, first_line
from posedeploy.reduced_precision import DTYPES, ReducedPrecision
from posedeploy.runtimes.base import Runner
from posedeploy.types import Artifact, Model, ModelSpec, OnProgress, Precision, Ranges, RunOptions

NEAR = 4.0
"""Differences up to this multiple of their limits may be noise that few runs did not show."""
MAX_NEAR = 2
"""The number of inputs that are then run more often."""


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
        runtime_info = case.candidate.runtime_info
        is_plain = (runtime_info.device, runtime_info.precision) == ("CPU", "fp32")
        if (is_plain or case.budget is not None) and not settings.noise_floor:
            result = _add_stages(model.spec, case, reference, case.compare(reference, None))
            is_decided = case.tolerance.is_fixed or case.budget is not None
            if result.passed or is_decided or not result.differs_in_network:
                return finish(reference, result)
        on_device = RunOptions("cuda", cuda_graphs=False) if options.device == "cuda" else on_cpu
        return _NoiseCase(case, model, inputs[0], settings, runners, finish).compare(reference, on_device)


def _finish(path: Path | None, model: Model, case: ParityCase, reference: Runner, result: Parity) -> Parity:
    """Write the inputs and the reference's outputs to ``path``, if the user asked for it, and return the
    result with its stages, and with the cause of the differences, if it is known and not in the decoding."""
    if path is not None:
        save_reference(path, model, case.pairs, reference, result)
    result = _add_stages(model.spec, case, reference, result)
    result = replace(result, reference=_describe_reference(model, reference))
    if result.passed or is_in_decoding_only(result.stages):
        return result
    return add_cause(model.spec, case, reference, result)


def _describe_reference(model: Model, reference: Runner) -> ReferenceInfo:
    return ReferenceInfo(
        checkpoint=str(model.source) if model.source is not None else None,
        checkpoint_sha256=model.sha256,
        network=model.network,
        network_sha256=model.network_sha256,
        mesh_sha256=model.mesh_sha256,
        runtime_info=reference.runtime_info,
    )


def _add_stages(spec: ModelSpec, case: ParityCase, reference: Runner, result: Parity) -> Parity:
    """Return the result with its stages, if it has none yet."""
    if result.stages:
        return result
    case = replace(case, tolerance=result.tolerance)
    return replace(result, stages=compare_stages(case, spec, reference, result))


@dataclass(frozen=True)
class _NoiseCase:
    """A case that is judged above the noise of PyTorch."""

    case: ParityCase
    model: Model
    inputs: ParityInputs
    settings: ParityOptions
    runners: ReferenceRunners
    finish: Callable[[Runner, Parity], Parity]

    def compare(self, reference: CachingRunner, options: RunOptions) -> Parity:
        """Measure the noise floor with these options in the candidate's precision, and compare."""
        precision = to_torch_precision(self.case.precision)
        if precision is None:
            reported = self.case.precision
            note = f"no noise floor: PyTorch has no counterpart to the reported precision {reported!r}"
            return self._compare(reference, note)
        try:
            with self.runners.open(in_float64(self.model), options, "fp64") as exact:
                floor = self._floor(exact, options, precision)
                floor = replace(floor, jpeg=self._compare_poses(reference, self.inputs.jpegs))
                result, judge = self._judge(reference, exact, floor)
                near = result.inputs_near_limits(NEAR) if not self.case.tolerance.is_fixed else []
                if near:
                    more = self._measure_more(exact, options, precision, near[:MAX_NEAR])
                    result, judge = self._judge(reference, exact, floor.extended(more))
                return self.finish(judge, result)
        except (DeviceError, _UnmeasurableError) as error:
            return self._compare(reference, f"no noise floor: {first_line(error)}")

    def _judge(
        self, reference: CachingRunner, exact: CachingRunner, floor: NoiseFloor
    ) -> tuple[Parity, CachingRunner]:
        """Return the comparison above a noise floor, and the reference that it needs."""
        case = replace(self.case, tolerance=widen_tolerance(self.case.tolerance, self.settings, floor))
        if floor.exceeds(case.tolerance):
            return replace(case.compare(exact, floor), reference_precision="fp64"), exact
        return case.compare(reference, floor), reference

    def _measure_more(
        self, exact: CachingRunner, options: RunOptions, precision: str, numbers: Sequence[int]
    ) -> NoiseFloor:
        """Measure the noise on the inputs with these numbers by more runs: few can be small by chance."""
        tensors = [pair[0].tensors for number, pair in enumerate(self.case.pairs) if number in numbers]
        with self._open(options, precision) as runner:
            report = self.case.report_steps("measuring the noise floor of PyTorch for")
            expected = [exact.run(each) for each in tensors]
            others = [exact.run(each.tensors) for each in self.inputs.noise_floor_inputs]
            measure = partial(measure_noise, seed=1, count=MORE_RUNS, others=others)
            return measure(expected, runner, tensors, precision, options.device, report)

    @contextmanager
    def _open(self, options: RunOptions, precision: str) -> Iterator[CachingRunner]:
        """Open PyTorch in a precision."""
        with (
            _convert_errors(self.model),
            self.runners.open(*_in_precision(self.model, options, precision), precision) as runner,
        ):
            yield runner

    def _compare(self, reference: CachingRunner, note: str) -> Parity:
        """Compare without a noise floor, and note why there is none."""
        return self.finish(reference, replace(self.case.compare(reference, None), floor_note=note))

    def _floor(self, exact: CachingRunner, options: RunOptions, precision: str) -> NoiseFloor:
        inputs = self.inputs.noise_floor_inputs
        tensors = [each.tensors for each in inputs]
        with self._open(options, precision) as runner:
            report = self.case.report_steps("measuring the noise floor of PyTorch for")
            expected = [exact.run(each) for each in tensors]
            floor = measure_noise(expected, runner, tensors, precision, options.device, report)
            pairs = [(each, each) for each in inputs]
            return floor.with_poses(self._compare_poses(exact, pairs, runner, floor))

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
        decode = self.case.decodings.decode
        if decode is None or not pairs:
            return None
        images: list[ImageParity] = []
        bounds = bound_noise(self.case.decodings.peaks, floor) if floor is not None else {}
        for first, second in pairs:
            expected, outputs = reference.run(first.tensors), (other or reference).run(second.tensors)
            for index, placement in enumerate(first.placements):
                sides = select_image(expected, index), select_image(outputs, index)
                images.append(compare_image(decode, *sides, placement, self.case.tolerance, bounds))
        return PoseParity(tuple(images))


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
