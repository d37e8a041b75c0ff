"""The result of a comparison of a runtime with PyTorch: every output, the poses, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.diagnosis import Cause
from posedeploy.benchmarks.keypoints import PoseParity
from posedeploy.benchmarks.noise_floor import DifferenceLimits, NoiseFloor, OutputNoise
from posedeploy.benchmarks.output_parity import (
    OutputParity,
)
from posedeploy.benchmarks.pose_comparison import PoseComparison
from posedeploy.benchmarks.sensitivity import Sensitivity, describe_doubt
from posedeploy.benchmarks.stage_parity import StageParity
from posedeploy.benchmarks.tolerances import Tolerance, is_quantized, to_torch_precision
from posedeploy.benchmarks.video_parity import VideoParity
from posedeploy.benchmarks.worst_inputs import Illustrations
from posedeploy.printable import counted
from posedeploy.types import RuntimeInfo, TensorSpec


@dataclass(frozen=True, kw_only=True)
class ReferenceInfo:
    """The model that a candidate was compared with.

    checkpoint: its path; None for the built-in sample. network: the ``file.py:function`` of the user's own
    network. checkpoint_sha256, network_sha256, mesh_sha256: of the checkpoint, of that file and of the
    triangles of its mesh. runtime_info: what ran; None if its outputs were saved before.
    """

    checkpoint: str | None
    checkpoint_sha256: str
    network: str | None = None
    network_sha256: str | None = None
    mesh_sha256: str | None = None
    runtime_info: RuntimeInfo | None = None


@dataclass(frozen=True, kw_only=True)
class AgainstInfo:
    """The artifact that a candidate was compared with, instead of PyTorch.

    model_sha256: the hash of each of its files. outputs: the names of its outputs by those of the candidate.
    """

    path: str
    model_sha256: Mapping[str, str]
    runtime_info: RuntimeInfo
    outputs: Mapping[str, str]


def describe_verdict(reference: str, precision: str, *, passed: bool, has_budget: bool) -> str:
    """Return the conclusion of a comparison, such as ``within tolerance of PyTorch in fp32``.

    Args:
        reference: PyTorch, or the path of an artifact. precision: of the reference.
        has_budget: whether a budget decided instead of the tolerance.
    """
    if has_budget:
        comparison = f"{'within' if passed else 'over'} budget, compared with {reference}"
    else:
        comparison = f"{'within' if passed else 'outside'} tolerance of {reference}"
    is_known = precision == "fp64" or to_torch_precision(precision) is not None or is_quantized(precision)
    return f"{comparison} in {precision}" if is_known else comparison


@dataclass(frozen=True)
class Parity:
    """The comparison of a candidate with the reference.

    poses: None if the network has no known decoding. reference_precision: that of the reference; of PyTorch,
    FP64 if the noise floor exceeds the tolerance. floor: the noise of PyTorch on that device in that
    precision; None if not measured. floor_note: why it was not measured, if that matters. input_specs,
    output_specs: the tensors of the candidate's file. paired: the people of both models person by person,
    with positions refined between the cells of heatmaps. budget: decides on ``paired`` instead of the
    tolerance. model_sha256: the hash of each file of the candidate. cause: the mistake that explains the
    differences; None if none was looked for or found. reference: the model in PyTorch that it was compared
    with. against: the artifact that it was compared with instead. illustrations: the inputs with the largest
    differences, for pictures. stages: preprocessing, network and decoding, each judged alone; empty if they
    were not compared. videos: the jitter and the identity switches of each video among the inputs.
    sensitivity: the known mistakes that would show on these inputs; None if the comparison did not pass, or
    if none were tried.
    """

    label: str
    runtime_info: RuntimeInfo
    outputs: tuple[OutputParity, ...]
    poses: PoseParity | None
    tolerance: Tolerance
    reference_precision: str = "fp32"
    floor: NoiseFloor | None = None
    floor_note: str = ""
    input_specs: tuple[TensorSpec, ...] = ()
    output_specs: tuple[TensorSpec, ...] = ()
    paired: PoseComparison | None = None
    budget: Budget | None = None
    model_sha256: Mapping[str, str] = field(default_factory=dict)
    cause: Cause | None = None
    reference: ReferenceInfo | None = None
    against: AgainstInfo | None = None
    illustrations: Illustrations | None = field(default=None, repr=False)
    stages: tuple[StageParity, ...] = ()
    videos: tuple[VideoParity, ...] = ()
    sensitivity: Sensitivity | None = None

    @cached_property
    def failures(self) -> tuple[str, ...]:
        """A message for each difference above its budget, or else its tolerance, with the stage and the cause
        if they are known."""
        of_stages = [message for stage in self.stages for message in stage.failures]
        messages = (*self._differences(), *of_stages)
        if not messages:
            return ()
        faults = [fault for stage in self.stages if (fault := stage.describe_fault()) is not None]
        return (*messages, *faults, *([] if self.cause is None else [str(self.cause)]))

    def _differences(self) -> tuple[str, ...]:
        if self.budget is not None and self.paired is not None:
            return tuple(self.budget.failures(self.paired))
        by_size = sorted(self.outputs, key=lambda output: -output.rtol)
        messages = [message for output in by_size if (message := self._failure(output))]
        if messages and (reason := self._explain_default()):
            messages.append(reason)
        if not self.outputs:
            messages.append("the network has no outputs to compare")
        if self.poses is not None:
            messages += self.poses.failures(self.tolerance)
        return tuple(messages)

    @property
    def passed(self) -> bool:
        """Whether every difference is within the budget, or else its tolerance."""
        return not self.failures

    @property
    def differences_pass(self) -> bool:
        """Whether outputs and poses are within the budget, or else the tolerance, whatever the stages are."""
        return not self._differences()

    @property
    def outputs_pass(self) -> bool:
        """Whether the outputs are within the tolerance, whatever the poses are."""
        return not any(map(self._failure, self.outputs))

    @property
    def differs_in_network(self) -> bool:
        """Whether the network differs on the reference's input, so that the noise floor matters."""
        return any(stage.stage == "network" and stage.status == "different" for stage in self.stages)

    @property
    def verdict(self) -> str:
        """The conclusion of the comparison, such as ``within tolerance of PyTorch in fp32``."""
        reference = "PyTorch" if self.against is None else self.against.path
        has_budget = self.budget is not None and self.paired is not None
        return describe_verdict(
            reference, self.reference_precision, passed=self.passed, has_budget=has_budget
        )

    @property
    def doubt(self) -> str:
        """Why a comparison that passed proves nothing, such as ``the inputs prove nothing``; else empty."""
        return describe_doubt(self.sensitivity)

    def noise(self, output: str) -> OutputNoise | None:
        """Return the noise of PyTorch in an output; None if it was not measured."""
        return self.floor.outputs.get(output) if self.floor is not None else None

    def limits(self, output: str) -> DifferenceLimits:
        """Return the largest differences of an output that pass."""
        if self.floor is None:
            return DifferenceLimits(self.tolerance.rtol, self.tolerance.rtol)
        return self.floor.limits(output, self.tolerance)

    def inputs_near_limits(self, factor: float) -> list[int]:
        """Return the numbers of the inputs on which an output exceeds its limits, the worst first; none if
        an output exceeds them by more than ``factor``."""
        excess: dict[int, float] = {}
        for output in self.outputs:
            limits = self.limits(output.name)
            for number, each in enumerate(output.differences):
                ratio = max(each.max_relative / limits.largest, each.rms_relative / limits.rms)
                excess[number] = max(excess.get(number, 0.0), ratio)
        if not max(excess.values(), default=0.0) <= factor:
            return []
        return sorted((number for number in excess if excess[number] > 1), key=lambda number: -excess[number])

    def _failure(self, output: OutputParity) -> str:
        limits, noise = self.limits(output.name), self.noise(output.name)
        if (different := output.different_rows) is not None and different.rows is not None:
            expected, actual = different.rows
            return (
                f"{output.name} has {counted(actual, 'row')} on {different.worst.input}; expected {expected} "
                "as in the reference: rounding can move scores across the threshold of the network; pass "
                "`budget`, such as 2px, to judge only the poses"
            )
        if not output.rtol <= limits.largest:
            worst = output.worst
            element = f"{output.name}[{', '.join(map(str, worst.index))}] on {worst.input}"
            values = f"{worst.candidate:.6g} instead of {worst.reference:.6g}"
            if not math.isfinite(worst.reference):
                return f"{element} is {values}: the reference is not finite; check its weights and the input"
            return (
                f"{element} is {values}: {output.rtol:.1e} of the largest value, tolerance "
                f"{limits.largest:.1e}{self._floor_text(noise.largest if noise else None)}"
            )
        if not output.rms_relative <= limits.rms:
            return (
                f"{output.name} on {output.worst_rms_input}: RMS difference {output.rms_relative:.1e} of "
                f"the largest value, tolerance {limits.rms:.1e}"
                f"{self._floor_text(noise.rms if noise else None)}"
            )
        return ""

    def _explain_default(self) -> str:
        """Return why the default tolerance of outputs may not fit this precision; '' if it does."""
        precision = self.runtime_info.precision
        if self.tolerance.is_fixed or to_torch_precision(precision) is not None:
            return ""
        advice = "pass `rtol`, such as 0.05" + (", or `budget`, such as 1.5px" if self.paired else "")
        if is_quantized(precision):
            return f"outputs in {precision} have no default tolerance, so that of fp32 was used: {advice}"
        return (
            f"{self.runtime_info.runtime} reports the precision {precision!r}, which has no default "
            f"tolerances, so those of fp32 were used: if the file is in a lower precision, {advice}"
        )

    def _floor_text(self, noise: float | None) -> str:
        return "" if noise is None else f" (noise floor of {self.floor}: {noise:.1e})"
