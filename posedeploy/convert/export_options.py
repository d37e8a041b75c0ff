"""Options of an export, for all targets and for single ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from posedeploy.argument_types import check_fields
from posedeploy.devices import normalize_device
from posedeploy.tensorrt.options import TensorRtOptions

Outputs: TypeAlias = Literal["all", "last"]
ExportPrecision: TypeAlias = Literal["fp32", "fp16", "bf16", "int8", "mixed"]
QUANTIZED: tuple[ExportPrecision, ...] = ("int8", "mixed")
"""The precisions that need calibration."""
CALIBRATION_IMAGES = 128
CALIBRATION_FIELDS = ("calibration", "calibration_images")
"""The options of calibration, which other precisions ignore."""
BUDGET_FIELDS = ("images", "budget_minutes")
"""The options of a budget, which are ignored without one."""
BUDGET_MINUTES = 30.0
RECOVERY_FIELDS = ("recover", "recover_steps")
"""The options of the recovery of accuracy, which are ignored without one."""


def ignore_progress(phase: str, fraction: float | None) -> None:
    """Discard progress reports."""


@check_fields
@dataclass(frozen=True)
class AotiOptions:
    """Options of the AOTInductor target. device: ``cpu`` or ``cuda``; this machine must have it."""

    device: str = "cpu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", normalize_device(self.device))


TfliteConverter: TypeAlias = Literal["litert-torch", "onnx2tf"]
IoLayout: TypeAlias = Literal["nchw", "nhwc"]
Activations: TypeAlias = Literal["int8", "int16", "dynamic"]


@check_fields
@dataclass(frozen=True)
class TfliteOptions:
    """Options of the TFLite target.

    converter: litert-torch converts the PyTorch module, onnx2tf its ONNX graph. layout: the order of the axes
    of images and maps in the file, channels first or last; a runner's inputs and outputs always have the
    layout of the spec. activations: the type of activations of layers with the precision ``int8``: INT8 or
    16-bit integers with ranges measured in calibration, or ``dynamic``, INT8 with ranges measured in each
    run.
    """

    converter: TfliteConverter = "litert-torch"
    layout: IoLayout = "nchw"
    activations: Activations = "int8"


@check_fields
@dataclass(frozen=True)
class OnnxOptions:
    """Options of the ONNX target. opset: that of the ``.onnx`` file; None for the exporter's own, which other
    targets that convert from ONNX always use."""

    opset: int | None = None


@check_fields
@dataclass(frozen=True)
class EnvironmentOptions:
    """Options of converters in an isolated environment. time_limit_s: the limit of their process."""

    time_limit_s: float = 3600


@check_fields
@dataclass(frozen=True)
class ExportOptions:
    """Options of an export.

    input_size: (height, width) in px, None for the published size. batch: images per run. dynamic: dynamic
    axes keep their names and accept any length. embed_preprocessing: the input is a raw uint8 BGR image (N,
    H, W, 3), and the file contains color order, mean and std. outputs: ``last`` keeps only the outputs with
    roles. precision: the precision of the model; inputs and outputs stay FP32. calibration: images, folders
    of images and videos for the calibration of a quantized network; empty for synthetic people.
    calibration_images: the maximum number of images used from them. budget: limits of the differences of
    poses from PyTorch in FP32, such as ``1px``, as in parity; layers are put back to floating point until the
    poses are within them. images: images and folders of images to measure the budget and the recovery on;
    empty holds out a part of ``calibration``. budget_minutes: when the search for layers must end. recover:
    train the weights of a quantized network for this number of minutes; None does not train. recover_steps:
    end the training after this number of steps, which gives the same weights each time; None for as many as
    the time allows. aoti, onnx, tensorrt, tflite, environment: options of one target or kind of converter.
    """

    input_size: tuple[int, int] | None = None
    batch: int = 1
    dynamic: bool = False
    embed_preprocessing: bool = False
    outputs: Outputs = "all"
    precision: ExportPrecision = "fp32"
    calibration: tuple[str, ...] = ()
    calibration_images: int = CALIBRATION_IMAGES
    budget: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    budget_minutes: float = BUDGET_MINUTES
    recover: float | None = None
    recover_steps: int | None = None
    aoti: AotiOptions = AotiOptions()
    onnx: OnnxOptions = OnnxOptions()
    tensorrt: TensorRtOptions = field(default_factory=TensorRtOptions)
    tflite: TfliteOptions = TfliteOptions()
    environment: EnvironmentOptions = EnvironmentOptions()

    @property
    def holds_out_images(self) -> bool:
        """Whether a part of the calibration images is kept to measure the file on."""
        return bool(self.budget or self.recover is not None) and not self.images

    def needs_calibration(self, target: str) -> bool:
        """Return whether the export to a target needs calibration inputs."""
        has_ranges = target != "tflite" or self.tflite.activations != "dynamic"
        return self.precision in QUANTIZED and has_ranges
