"""The measurement of the noise floor of PyTorch for one artifact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

from posedeploy.api.parity_case import ParityCase
from posedeploy.api.parity_inputs import ParityInputs
from posedeploy.api.reference_runners import ReferenceRunners
from posedeploy.backends import RUNTIMES
from posedeploy.benchmarks.ambiguity import bound_noise, compare_image
from posedeploy.benchmarks.caching_runner import CachingRunner
from posedeploy.benchmarks.image_comparison import select_image
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.keypoints import ImageParity, PoseParity
from posedeploy.benchmarks.noise_floor import NoiseFloor, measure_noise
from posedeploy.errors import first_line
from posedeploy.reduced_precision import DTYPES, ReducedPrecision
from posedeploy.runtimes.base import Runner
from posedeploy.types import Model, Precision, RunOptions, Tensors


@dataclass(frozen=True)
class NoiseMeasurement:
    """PyTorch in the precision and on the device of a candidate, compared with FP64.

    exact: PyTorch in FP64. largest: the largest absolute value of each output on any input.
    """

    case: ParityCase
    model: Model
    runners: ReferenceRunners
    options: RunOptions
    precision: str
    exact: CachingRunner
    largest: Mapping[str, float]

    def measure_all(self, inputs: ParityInputs, count: int | None) -> NoiseFloor:
        """Return the noise floor of outputs and poses.

        Args:
            count: the runs per input; None means as many as ``measure_noise`` has by default.

        Raises:
            UnmeasurableError: the user's network does not run in the precision.
        """
        sources = inputs.noise_floor_inputs
        floor = self.measure([each.tensors for each in sources], count)
        with self._open() as runner:
            pairs = [(each, each) for each in sources]
            return floor.with_poses(self.compare_poses(self.exact, pairs, runner, floor))

    def measure(self, inputs: Sequence[Tensors], count: int | None, seed: int = 0) -> NoiseFloor:
        """Return the noise floor of outputs on some inputs.

        Args:
            count, seed: as for ``measure_noise``.
        """
        with self._open() as runner:
            return measure_noise(
                [self.exact.run(each) for each in inputs],
                runner,
                inputs,
                self.precision,
                self.options.device,
                self.case.report_steps("measuring the noise floor of PyTorch for"),
                seed=seed,
                count=count,
                largest=self.largest,
            )

    def compare_poses(
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
                count = len(first.placements)
                sides = select_image(expected, index, count), select_image(outputs, index, count)
                images.append(compare_image(decode, *sides, placement, self.case.tolerance, bounds))
        return PoseParity(tuple(images))

    @contextmanager
    def _open(self) -> Iterator[CachingRunner]:
        """Open PyTorch in the precision."""
        runtime = RUNTIMES.get(self.case.candidate.runtime_info.runtime)  # None for servers and phones
        everywhere = runtime is not None and runtime.casts_constants
        with (
            _convert_errors(self.model),
            self.runners.open(
                *_in_precision(self.model, self.options, self.precision, everywhere), self.precision
            ) as runner,
        ):
            yield runner


class UnmeasurableError(Exception):
    """PyTorch has no such precision, or the user's own network does not run in it."""


@contextmanager
def _convert_errors(model: Model) -> Iterator[None]:
    """Convert errors of the user's network, whose code may only work in FP32."""
    try:
        yield
    except (RuntimeError, TypeError, ValueError) as error:
        if model.network is None:
            raise
        reason = f"{model.network} does not run in another precision ({first_line(error)})"
        raise UnmeasurableError(reason) from error


def _in_precision(
    model: Model, options: RunOptions, precision: str, everywhere: bool
) -> tuple[Model, RunOptions]:
    """Return the network and the options to run it in a precision on PyTorch.

    PyTorch's runner on the CPU has FP32 only, so the network itself casts there.
    """
    if options.device == "cpu" and precision in DTYPES:
        network = model.export_form or model.module
        module = ReducedPrecision(
            network, precision, channels_last=False, emulated=True, everywhere=everywhere
        ).eval()
        return replace(model, module=module), options
    return model, replace(options, precision=cast(Precision, precision))
