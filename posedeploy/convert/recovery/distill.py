"""Train the weights of a network so that its INT8 form gives the outputs of the network in FP32.

This is quantization-aware distillation: the layers round as in INT8 (``fake_quantization``), and the network
learns from its own outputs before the training, so that no labels are needed. BatchNorm keeps its statistics.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from posedeploy.convert.recovery.fake_quantization import FakeQuantization
from posedeploy.convert.recovery.layer_calls import run
from posedeploy.convert.recovery.ranges import InputRounding
from posedeploy.flatten import flat
from posedeploy.types import OnProgress

SEED = 20261126
LEARNING_RATE = 3e-6
"""The largest step of a weight, relative to the size of the weights of its channel. All weights take steps of
this size along the gradient, so that their effects add up: with 3e-5, ten steps changed the outputs of
human-pose-estimation-0001 by 17%."""
WARM_UP_STEPS = 20
INPUTS_PER_STEP = 2
VALIDATIONS = 10
"""The number of times that the held-out error is measured, evenly spaced over the training."""
MIN_SIZE = 0.01
"""The least size of a bias, relative to the root mean square of all biases of the layer."""
MIN_POWER = 1e-12
logger = logging.getLogger(__name__)

DrawInput = Callable[[torch.Generator], tuple[Tensor, ...]]
"""Returns a random training input."""


@dataclass(frozen=True)
class Rounding:
    """How the layers of a network round: the steps of their inputs, and the layers that stay in FP32."""

    inputs: Sequence[InputRounding]
    float_layers: frozenset[int]

    def calls(self) -> FakeQuantization:
        """Return what rounds in one run."""
        return FakeQuantization(self.inputs, self.float_layers)


@dataclass(frozen=True)
class Student:
    """A network to train. error: that of ``measure_error`` on the validation inputs. before: the same for the
    network without equalized channels."""

    network: nn.Module
    rounding: Rounding
    error: float
    before: float


@dataclass(frozen=True)
class Schedule:
    """When the training ends: after this time, or after a number of steps if that comes first."""

    seconds: float
    steps: int | None = None

    def fraction(self, elapsed_s: float, step: int) -> float:
        """Return the part of the training that is done, from 0 to 1."""
        if elapsed_s >= self.seconds:
            return 1.0
        return min(elapsed_s / self.seconds if self.steps is None else step / self.steps, 1.0)


@dataclass(frozen=True)
class Trained:
    """A trained network. steps: those until the best weights, of ``total_steps``. before, after: the mean
    squared error of the rounded network's outputs on the validation inputs, relative to their mean square,
    with the original and with the best weights."""

    network: nn.Module
    steps: int
    total_steps: int
    before: float
    after: float


def distill(
    teacher: nn.Module,
    start: Student,
    draw_input: DrawInput,
    validation: Sequence[Sequence[Tensor]],
    schedule: Schedule,
    on_progress: OnProgress,
) -> Trained:
    """Train a network in place, and return it with the weights that have the smallest error on validation
    inputs.

    The result is the same for the same number of steps, on the same machine and with the same threads.

    Raises:
        RuntimeError: PyTorch cannot differentiate the network.
    """
    student, rounding, after = start.network, start.rounding, start.error
    optimizer = _RelativeAdam(student)
    powers = measure_powers(teacher, validation)
    rng = torch.Generator().manual_seed(SEED)
    started, step, validated = time.monotonic(), 0, 0
    best_step, best = 0, _copy_weights(student)
    seconds = 0.0
    while (fraction := schedule.fraction(seconds, step)) < 1:
        on_progress(
            f"recovering accuracy, step {step}, error {_percent(after)} of {_percent(start.before)}", fraction
        )
        loss = _accumulate_gradients(teacher, student, rounding, draw_input, powers, rng)
        if not math.isfinite(loss):
            logger.warning(
                f"the training of `recover` ended at step {step}, because its loss is {loss}; the best "
                f"weights until then are those of step {best_step}"
            )
            break
        optimizer.step(_learning_rate(fraction, step))
        step, seconds = step + 1, time.monotonic() - started
        fraction = schedule.fraction(seconds, step)
        if int(fraction * VALIDATIONS) > validated:
            validated = int(fraction * VALIDATIONS)
            error = measure_error(teacher, student, rounding, validation)
            if error < after:
                after, best_step, best = error, step, _copy_weights(student)
    student.load_state_dict(best)
    return Trained(student.requires_grad_(False), best_step, step, start.before, after)


class _RelativeAdam:
    """Adam with steps relative to the size of the weights of each channel.

    In networks with folded or small weights, channels differ by a factor of a thousand, so that equal steps
    would destroy some of them and leave others unchanged.
    """

    def __init__(self, network: nn.Module) -> None:
        self._parameters = list(network.parameters())
        self._sizes = [_sizes(parameter.detach()) for parameter in self._parameters]
        self._adam = torch.optim.Adam(self._parameters)

    def step(self, learning_rate: float) -> None:
        """Change the weights by their gradients, and clear these."""
        previous = [parameter.detach().clone() for parameter in self._parameters]
        self._adam.param_groups[0]["lr"] = learning_rate
        self._adam.step()
        self._adam.zero_grad()
        with torch.no_grad():
            for parameter, old, size in zip(self._parameters, previous, self._sizes, strict=True):
                parameter.copy_(old + size * (parameter - old))


def _sizes(weights: Tensor) -> Tensor:
    """Return the root mean square of the weights of each channel of a layer's result."""
    if weights.dim() < 2:
        return weights.abs().clamp_min(MIN_SIZE * weights.square().mean().sqrt())
    axes = list(range(1, weights.dim()))
    return weights.square().mean(axes, keepdim=True).sqrt()


def _percent(error: float) -> str:
    return f"{100 * math.sqrt(error):.2g}%"


def _learning_rate(fraction: float, step: int) -> float:
    return LEARNING_RATE * min(1.0, (step + 1) / WARM_UP_STEPS) * (1 + math.cos(math.pi * fraction)) / 2


def _copy_weights(network: nn.Module) -> Mapping[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def _accumulate_gradients(
    teacher: nn.Module,
    student: nn.Module,
    rounding: Rounding,
    draw_input: DrawInput,
    powers: Sequence[Tensor],
    rng: torch.Generator,
) -> float:
    """Add the gradients of a few inputs, and return their mean loss."""
    total = 0.0
    for _ in range(INPUTS_PER_STEP):
        tensors = draw_input(rng)
        with torch.no_grad():
            targets = flat(teacher(*tensors))
        loss = _mean_error(run(student, tensors, rounding.calls()), targets, powers)
        (loss / INPUTS_PER_STEP).backward()  # type: ignore[no-untyped-call]
        total += loss.item() / INPUTS_PER_STEP
    return total


@torch.no_grad()
def measure_powers(teacher: nn.Module, inputs: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """Return the mean square of each output over these inputs."""
    squares = [[output.square().mean() for output in flat(teacher(*tensors))] for tensors in inputs]
    return [torch.stack(each).mean().clamp_min(MIN_POWER) for each in zip(*squares, strict=True)]


@torch.no_grad()
def measure_error(
    teacher: nn.Module,
    student: nn.Module,
    rounding: Rounding,
    inputs: Sequence[Sequence[Tensor]],
) -> float:
    """Return the mean squared error of a rounded network, relative to the mean squares of the outputs."""
    powers, total = measure_powers(teacher, inputs), 0.0
    for tensors in inputs:
        targets = flat(teacher(*tensors))
        total += _mean_error(run(student, tensors, rounding.calls()), targets, powers).item()
    return total / len(inputs)


def _mean_error(outputs: Sequence[Tensor], targets: Sequence[Tensor], powers: Sequence[Tensor]) -> Tensor:
    errors = [
        (output - target).square().mean() / power
        for output, target, power in zip(outputs, targets, powers, strict=True)
    ]
    return torch.stack(errors).mean()
