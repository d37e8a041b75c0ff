"""Train a prepared network for INT8 on its calibration inputs."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from posedeploy.convert.layer_choice import EARLY_LAYERS_DIVISOR
from posedeploy.convert.prepare import Prepared
from posedeploy.convert.recovery.distill import Rounding, Schedule, Student, Trained, distill, measure_error
from posedeploy.convert.recovery.equalize import equalize
from posedeploy.convert.recovery.layer_calls import find_output_layers
from posedeploy.convert.recovery.ranges import measure_rounding
from posedeploy.convert.recovery.variations import vary
from posedeploy.errors import ExportError, first_line
from posedeploy.types import Tensors

MAX_MEASURED = 32
"""The most inputs, evenly spaced, on which ranges are measured."""
METHOD = "equalization and quantization-aware distillation"


def recover(
    prepared: Prepared, training: Sequence[Tensors], validation: Sequence[Tensors], schedule: Schedule
) -> Trained:
    """Return the network with weights that lose less accuracy in INT8.

    Args:
        training, validation: inputs of the network; the latter only select the weights.
        schedule: of the training, in which the time of the equalization counts too.

    Raises:
        ExportError: PyTorch cannot train the network, or no layer of it would be in INT8.
    """
    learned, held_out = _Inputs(prepared, training), _Inputs(prepared, validation)
    started = time.monotonic()
    try:
        student = _equalize(prepared, learned.some(MAX_MEASURED), held_out)
        left = replace(schedule, seconds=schedule.seconds - (time.monotonic() - started))
        return distill(prepared.module, student, learned.draw, held_out, left, prepared.on_progress)
    except RuntimeError as error:
        raise ExportError(
            f"`recover`: PyTorch cannot train this network ({first_line(error)}); leave `recover` out"
        ) from error


def _equalize(prepared: Prepared, inputs: _Inputs, validation: _Inputs) -> Student:
    """Return the network to train: with equalized channels, unless the error is smaller without."""
    prepared.on_progress("measuring ranges", None)
    original = copy.deepcopy(prepared.module).requires_grad_(True)
    float_layers = _find_float_layers(original, inputs[0], prepared.options.precision)
    students = list[Student]()
    for network in (original, copy.deepcopy(original)):
        if students:
            equalize(network, inputs, float_layers, prepared.on_progress)
        rounding = Rounding(measure_rounding(network, inputs), float_layers)
        if len(float_layers) == len(rounding.inputs):
            raise ExportError("`recover`: no layer of this network is left for INT8; leave `recover` out")
        error = measure_error(prepared.module, network, rounding, validation)
        students.append(Student(network, rounding, error, error))
    before, after = students
    return replace(after, before=before.error) if after.error < before.error else before


def _find_float_layers(network: nn.Module, inputs: Sequence[Tensor], precision: str) -> frozenset[int]:
    """Return the layers that all targets leave in floating point."""
    float_layers, count = find_output_layers(network, inputs)
    early = range(count // EARLY_LAYERS_DIVISOR if precision == "mixed" else 0)
    return float_layers.union(early)


@dataclass(frozen=True)
class _Inputs(Sequence[tuple[Tensor, ...]]):
    """Inputs as tensors, in the order of the arguments of the network."""

    prepared: Prepared
    inputs: Sequence[Tensors]

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:  # type: ignore[override]
        tensors = self.inputs[index]
        return tuple(torch.from_numpy(tensors[spec.name]) for spec in self.prepared.spec.inputs)

    def some(self, count: int) -> _Inputs:
        """Return at most this number of the inputs, evenly spaced."""
        step = -(-len(self) // count)
        return _Inputs(self.prepared, [self.inputs[index] for index in range(0, len(self), step)])

    def draw(self, rng: torch.Generator) -> tuple[Tensor, ...]:
        """Return a random input; an image is varied at random."""
        tensors = self[int(torch.randint(len(self), (), generator=rng))]
        spec = self.prepared.spec
        if spec.contract is None:
            return tensors
        return (vary(tensors[0], rng, channels_last=spec.inputs[0].layout == "NHWC"), *tensors[1:])
