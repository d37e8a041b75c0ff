"""The result of an export that recovers accuracy: how the network was trained, and what that changed."""

from __future__ import annotations

from dataclasses import dataclass

from posedeploy.types.budgets import MeasuredChoice


@dataclass(frozen=True, kw_only=True)
class RecoveryMeasure:
    """The differences of a quantized file from PyTorch in FP32 on held-out inputs.

    output_error: the root mean square error of the outputs, relative to their largest value. poses: the
    differences of poses; None for a network whose outputs cannot be decoded.
    """

    output_error: float
    poses: MeasuredChoice | None = None

    def __str__(self) -> str:
        poses = "" if self.poses is None else f" ({self.poses})"
        return f"output error {100 * self.output_error:.3g}%{poses}"


@dataclass(frozen=True, kw_only=True)
class RecoveryRecord:
    """The training of the weights of a quantized network, and the comparison that decided on its result.

    method: of the training. minutes: its time limit. steps: the step of the selected weights, of
    ``total_steps``. seed: of the random inputs. images: the number of training inputs. validation: the number
    of inputs that selected the weights. held_out: the number of inputs of ``before`` and ``after``, which the
    training did not use. before, after: the file of this target with the original and with the trained
    weights. is_used: whether the file has the trained weights.
    """

    method: str
    minutes: float
    steps: int
    total_steps: int
    seed: int
    images: int
    validation: int
    held_out: int
    before: RecoveryMeasure
    after: RecoveryMeasure
    is_used: bool

    def __str__(self) -> str:
        weights = "trained" if self.is_used else "original weights, because the trained ones are not better"
        return (
            f"{weights}: {self.steps} of {self.total_steps} steps of {self.method} on {self.images} inputs; "
            f"on {self.held_out} held-out inputs, {self.before} became {self.after}"
        )
