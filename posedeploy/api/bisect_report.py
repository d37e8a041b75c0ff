"""The result of ``bisect``: the faulty tensors of an artifact, the ranking of its layers, and the JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field

from posedeploy import artifact_files
from posedeploy.benchmarks.machine_info import Machine, describe_machine
from posedeploy.benchmarks.tolerances import default_tolerance
from posedeploy.bisection.operations import Operation
from posedeploy.text_files import format_json
from posedeploy.types import Artifact, RuntimeInfo

FORMAT, VERSION = "posedeploy.bisect", 1
FUSION_FACTOR = 10.0
"""The factor by which the difference at the outputs must fall with intermediate tensors as outputs for the
cause to be a fusion."""
EXPLAINED = 0.99
"""The least share of a difference that a factor and an offset of each channel explain, to be named."""


@dataclass(frozen=True)
class OutputDifference:
    """The difference of outputs from those of PyTorch on one input.

    rms: the largest RMS difference of an output, relative to its scale (``bound_scale``); infinite for NaN.
    largest: the largest difference of any element, relative to the same. poses: the difference of keypoints,
    joints or vertices at the 95th percentile; None without a decoding, or if both models have no person in
    common. unit: of ``poses``, px or mm. unmatched: keypoints that only one of the models finds.
    """

    rms: float
    largest: float
    poses: float | None = None
    unit: str = ""
    unmatched: int = 0


def is_fusion(fused: OutputDifference, separate: OutputDifference, precision: str) -> bool:
    """Return whether the difference of the outputs is that of a fusion of operators: it exceeds the default
    tolerance, and disappears if intermediate tensors are outputs, which prevents the runtime from fusing
    operators."""
    return not _is_within(fused, precision) and disappears(fused, separate)


def disappears(fused: OutputDifference, separate: OutputDifference) -> bool:
    """Return whether a difference falls by ``FUSION_FACTOR`` with intermediate tensors as outputs."""
    return not fused.rms <= FUSION_FACTOR * separate.rms


def _is_within(difference: OutputDifference, precision: str) -> bool:
    return difference.largest <= default_tolerance(precision).rtol


@dataclass(frozen=True)
class FaultyTensor:
    """A tensor of a file that exceeds the noise floor.

    tensor, operator: in the file. operation: the operation of the network whose result it is. layer: the
    layer that computes it, with the operations up to ``operation`` that the file fuses with it. error: the
    RMS difference from the values of PyTorch, relative to their RMS, if both compute the tensor from the
    right values of the preceding tensors. floor: the same for PyTorch with the rounding errors of the
    precision. limit: the largest error of a correct tensor. scale_share: the share of the difference that a
    factor and an offset of each channel explain, 0 to 1. fused: all operations from ``layer`` to
    ``operation``, and those that compute their other inputs from tensors of the file.
    """

    tensor: str
    operator: str
    operation: Operation
    layer: Operation
    error: float
    floor: float
    limit: float
    scale_share: float
    fused: tuple[Operation, ...] = ()

    @property
    def hint(self) -> str:
        """The likely cause of the difference; empty if it is unknown."""
        if not math.isfinite(self.error):
            return "the tensor has NaN or infinity: values exceed the range of its precision"
        if self.layer.operator.startswith("upsample") or self.layer.operator == "grid_sampler":
            return "the resize differs: compare align_corners and the rounding of positions"
        if self.scale_share >= EXPLAINED:
            return (
                "the scale or offset of each channel differs: compare the BatchNorm statistics and the bias"
            )
        return ""


@dataclass(frozen=True)
class RankedLayer:
    """A layer by its effect on the outputs.

    error: the largest own error of its tensors. caused: the remaining difference of the outputs if all other
    layers are put back to FP32. alone: the same if only this layer is. together: the same if it and all
    layers before it in the ranking are.
    """

    layer: Operation
    error: float
    caused: OutputDifference
    alone: OutputDifference
    together: OutputDifference


@dataclass(frozen=True, kw_only=True)
class BisectReport:
    """The result of ``bisect``.

    precision: the coarsest of the file and the runtime, whose noise floor is the limit. device: as chosen for
    the artifact. floor_device: that PyTorch's noise floor was measured on. input: its name. operations: of
    the network. tensors: of the file, of floating point. matched: the tensors that are results of operations.
    preprocessing: the differences between the artifact's description of its input and that of PyTorch, if
    they cause a difference; the artifact was then examined on the input that PyTorch prepares.
    difference: of the artifact's outputs. with_intermediates: of the outputs of the run that was examined.
    faults: in the order of the network. ranking: the largest effect first.
    """

    artifact: Artifact
    runtime_info: RuntimeInfo
    precision: str
    device: str
    floor_device: str
    input: str
    operations: int
    tensors: int
    matched: int
    difference: OutputDifference
    with_intermediates: OutputDifference
    faults: tuple[FaultyTensor, ...]
    ranking: tuple[RankedLayer, ...]
    preprocessing: tuple[str, ...] = ()
    machine: Machine = field(default_factory=describe_machine)

    @property
    def first(self) -> FaultyTensor | None:
        """The first tensor that exceeds the noise floor; None if none does."""
        return self.faults[0] if self.faults else None

    @property
    def is_within_tolerance(self) -> bool:
        """Whether the outputs are within the tolerance of their precision on this input."""
        return _is_within(self.difference, self.precision)

    @property
    def is_fusion(self) -> bool:
        """Whether the difference at the outputs disappears if intermediate tensors are outputs, which
        prevents the runtime from fusing operators. ``first`` is then the result of the fused operators."""
        return is_fusion(self.difference, self.with_intermediates, self.precision)

    @property
    def passed(self) -> bool:
        """Whether no tensor exceeds the noise floor, no fusion changes the outputs, and the preprocessing is
        that of PyTorch."""
        return not self.faults and not self.is_fusion and not self.preprocessing

    @property
    def verdict(self) -> str:
        """The conclusion in one line."""
        if not self.preprocessing:
            return self._network_verdict
        differences = f"the preprocessing differs: {', '.join(self.preprocessing)}"
        return f"{differences}; on the input that PyTorch prepares, {self._network_verdict}"

    @property
    def _network_verdict(self) -> str:
        """The conclusion on the network."""
        if self.is_fusion:
            parts = f", from {self.first.layer} to {self.first.operation}" if self.first is not None else ""
            return (
                "the difference disappears if all tensors are outputs, so the cause is a fusion of operators "
                f"in the runtime{parts}"
            )
        if self.first is not None:
            return f"the result of {self.first.layer} is the first one above the noise floor{self._advice}"
        if self.precision == "int8":  # whose outputs have no default tolerance
            return "no tensor exceeds the noise floor of int8"
        outputs = "within" if self.is_within_tolerance else "outside"
        return (
            f"no tensor exceeds the noise floor; the outputs are {outputs} the tolerance of {self.precision}"
        )

    @property
    def _advice(self) -> str:
        """What to do first about several faulty tensors of an INT8 file."""
        if self.precision != "int8" or len(self.faults) < 2:
            return ""
        return (
            "; correct it first and export again, because calibration may have chosen the ranges of later "
            "layers for its wrong values"
        )

    def to_json(self) -> str:
        """Return the versioned document; docs/json.md lists its fields."""
        return format_json(
            {
                "format": FORMAT,
                "version": VERSION,
                "machine": asdict(self.machine),
                "model": str(self.artifact.path),
                "model_sha256": dict(artifact_files.hashes_of(self.artifact)),
                "runtime": asdict(self.runtime_info),
                "precision": self.precision,
                "noise_floor_device": self.floor_device,
                "input": self.input,
                "preprocessing": self.preprocessing,
                "operations": self.operations,
                "tensors": self.tensors,
                "matched": self.matched,
                "passed": self.passed,
                "verdict": self.verdict,
                "difference": asdict(self.difference),
                "with_intermediates": asdict(self.with_intermediates),
                "faults": [{**asdict(each), "hint": each.hint} for each in self.faults],
                "ranking": [asdict(each) for each in self.ranking],
            }
        )
