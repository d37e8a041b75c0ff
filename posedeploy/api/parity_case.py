"""One artifact against its checkpoint in PyTorch, judged by PyTorch's own noise where that matters."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from posedeploy.api.model_args import ModelArgs
from posedeploy.api.open_models import pytorch_runner
from posedeploy.api.parity_inputs import ParityInputs, parity_inputs
from posedeploy.api.parity_options import ParityOptions
from posedeploy.api.reference_model import reference_model
from posedeploy.api.reporting import report_steps
from posedeploy.benchmarks.ambiguity import compare_image, noise_bounds
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.inputs import Sample
from posedeploy.benchmarks.keypoints import ImageParity, PoseParity
from posedeploy.benchmarks.noise_floor import FLOAT64_FACTOR, NoiseFloor, measure_noise
from posedeploy.benchmarks.parity import Pairing, Parity, compare_outputs, one_image
from posedeploy.benchmarks.recorded_runner import RecordedRunner
from posedeploy.benchmarks.tolerances import Tolerance, torch_precision
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

    A candidate in FP32 on a CPU that is within the tolerance of PyTorch there has passed. For any other the
    noise floor is measured; where it exceeds the tolerance, PyTorch in FP64 is the reference.
    """
    on_progress(f"loading {artifact.path} and its checkpoint", None)
    model = reference_model(artifact, settings.checkpoint, args)
    with open_runner(artifact, options, settings.runtime) as runner:
        spec = resolve_spec(artifact, runner)
        candidate = RecordedRunner(adapt_runner(runner, spec))
        inputs = parity_inputs(model.spec, spec, settings.images, candidate.ranges, artifact.calibration)
        tolerance = settings.tolerance(runner.runtime_info.precision)
        decode = _decode(spec)
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
    with _recorded(model, on_cpu) as reference:
        runtime_info = candidate.runtime_info
        is_plain = (runtime_info.device, runtime_info.precision) == ("CPU", "fp32")
        if (is_plain or budget is not None) and not settings.noise_floor:
            result = case.compared(reference, None)
            if result.passed or case.tolerance.is_fixed or budget is not None:
                return result
        there = RunOptions("cuda", cuda_graphs=False) if options.device == "cuda" else on_cpu
        return case.judged(reference, there)


@contextmanager
def _recorded(model: Model, options: RunOptions) -> Iterator[RecordedRunner]:
    with pytorch_runner(model, options) as runner:
        yield RecordedRunner(adapt_runner(runner, model.spec))


@dataclass(frozen=True, kw_only=True)
class _Case:
    """Everything that an artifact is compared with and on."""

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
        """Run the candidate on all inputs, before PyTorch runs on its device: whether TF32 is allowed is one
        setting of the whole process."""
        report = self._steps("running")
        for number, (_, theirs) in enumerate(self.inputs.pairs):
            self.candidate.run(theirs.tensors)
            report(number + 1, len(self.inputs.pairs))

    def _steps(self, doing: str) -> Callable[[int, int | None], None]:
        return report_steps(self.on_progress, f"{doing} {Path(self.label).name}")

    def compared(self, reference: Runner, floor: NoiseFloor | None) -> Parity:
        """The candidate beside a reference, judged by a noise floor."""
        compared = compare_outputs(
            self.label,
            reference,
            self.candidate,
            self.inputs.pairs,
            tolerance=self.tolerance,
            decode=self.decode,
            peaks=peak_outputs(self.spec),
            floor=floor,
            pairing=_pairing(self.spec) if self.decode is not None else None,
            on_progress=self._steps("comparing"),
        )
        return replace(
            compared,
            input_specs=self.spec.inputs,
            output_specs=self.spec.outputs,
            budget=self.budget,
        )

    def judged(self, reference: RecordedRunner, options: RunOptions) -> Parity:
        """The candidate, judged by the noise of PyTorch with these options in the candidate's precision."""
        reported = self.candidate.runtime_info.precision
        precision = torch_precision(reported)
        if precision is None:
            note = f"no noise floor: {reported!r}, as the runtime reports its precision, is none of PyTorch's"
            return replace(self.compared(reference, None), floor_note=note)
        try:
            with _recorded(in_float64(self.model), options) as exact:
                floor = self._floor(exact, options, precision)
                floor = replace(floor, jpeg=self._poses(reference, self.inputs.jpegs))
                case = replace(self, tolerance=self._widened(floor))
                if floor.exceeds(self.tolerance):
                    return replace(case.compared(exact, floor), reference_precision="fp64")
        except (DeviceError, _UnmeasurableError) as error:
            return replace(self.compared(reference, None), floor_note=f"no noise floor: {first_line(error)}")
        return case.compared(reference, floor)

    def _widened(self, floor: NoiseFloor) -> Tolerance:
        """The tolerance of poses, in FP32 at least ``FLOAT64_FACTOR`` times the noise of PyTorch: on
        that device nothing comes closer. A coarser precision is the user's choice and widens nothing."""
        poses, tolerance = floor.poses, self.tolerance
        if poses is None or floor.precision != "fp32":
            return tolerance
        error_mm = max(poses.error_mm or 0.0, poses.error_vertices_mm or 0.0)
        px = tolerance.px if self.settings.max_px is not None else _widen(tolerance.px, poses.error_px)
        mm = tolerance.mm if self.settings.max_mm is not None else _widen(tolerance.mm, error_mm)
        return replace(tolerance, px=px, mm=mm)

    def _floor(self, exact: RecordedRunner, options: RunOptions, precision: str) -> NoiseFloor:
        samples = self.inputs.for_noise
        inputs = [sample.tensors for sample in samples]
        with (
            _users_code(self.model),
            _recorded(*_in_precision(self.model, options, precision)) as runner,
        ):
            report = self._steps("measuring the noise floor of PyTorch for")
            expected = [exact.run(tensors) for tensors in inputs]
            floor = measure_noise(expected, runner, inputs, precision, options.device, report)
            pairs = [(sample, sample) for sample in samples]
            return replace(floor, poses=self._poses(exact, pairs, runner, floor))

    def _poses(
        self,
        reference: Runner,
        pairs: Sequence[tuple[Sample, Sample]],
        other: Runner | None = None,
        floor: NoiseFloor | None = None,
    ) -> PoseParity | None:
        """The poses that one network, or another, gives on the second input of each pair, beside those of the
        first, without what is ambiguous by the noise floor; None without inputs or a decoding."""
        decode = self.decode
        if decode is None or not pairs:
            return None
        images: list[ImageParity] = []
        bounds = noise_bounds(peak_outputs(self.spec), floor) if floor is not None else {}
        for first, second in pairs:
            expected, found = reference.run(first.tensors), (other or reference).run(second.tensors)
            for index, placement in enumerate(first.placements):
                sides = one_image(expected, index), one_image(found, index)
                images.append(compare_image(decode, *sides, placement, self.tolerance, bounds))
        return PoseParity(tuple(images))


def _widen(tolerance: float, noise: float) -> float:
    return max(tolerance, FLOAT64_FACTOR * noise) if math.isfinite(noise) else tolerance


class _UnmeasurableError(Exception):
    """The user's own network does not run in another precision."""


@contextmanager
def _users_code(model: Model) -> Iterator[None]:
    """What the code of the user's own network raises, which was written for FP32, is no bug of ours."""
    try:
        yield
    except (RuntimeError, TypeError, ValueError) as error:
        if model.network is None:
            raise
        why = f"{model.network} does not run in another precision ({first_line(error)})"
        raise _UnmeasurableError(why) from error


def _in_precision(model: Model, options: RunOptions, precision: str) -> tuple[Model, RunOptions]:
    """The network and the options that PyTorch runs it with in a precision; on the CPU, whose runner has FP32
    only, as a network that casts."""
    if options.device == "cpu" and precision in DTYPES:
        network = model.deployed or model.module
        module = ReducedPrecision(network, precision, channels_last=False, emulated=True).eval()
        return replace(model, module=module), options
    return model, replace(options, precision=cast(Precision, precision))


def _decode(spec: ModelSpec) -> Decode | None:
    if spec.family not in FAMILIES or (spec.contract is None and spec.joints is None):
        return None
    if missing := find_missing_description(spec):
        logger.info(f"outputs are compared and keypoints are not: {missing}")
        return None
    return decoder_of(spec, Camera())


def _pairing(spec: ModelSpec) -> Pairing:
    refine = decoder_of(spec, Camera(), refine=True) if has_heatmaps(spec.family) else None
    return Pairing(spec.keypoint_names, refine)


def peak_outputs(spec: ModelSpec) -> list[str]:
    """The outputs whose peaks the family's decoding picks."""
    if spec.family not in FAMILIES:
        return []
    return [spec.roles[role] for role in poses_of(spec.family).PEAK_ROLES if role in spec.roles]
