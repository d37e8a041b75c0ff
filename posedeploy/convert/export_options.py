"""What can be asked of an export: of every target, and of a single one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from posedeploy.devices import normalize_device
from posedeploy.tensorrt.options import TensorRtOptions

Outputs: TypeAlias = Literal["all", "last"]
ExportPrecision: TypeAlias = Literal["fp32", "fp16", "bf16"]


def ignore(doing: str, part: float | None) -> None:
    """For whom progress is nothing to show."""


@dataclass(frozen=True)
class AotiOptions:
    """device: ``cpu`` or ``cuda``, which the code is compiled for, on a machine that has it."""

    device: str = "cpu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", normalize_device(self.device))


Route: TypeAlias = Literal["litert-torch", "onnx2tf"]
IoLayout: TypeAlias = Literal["nchw", "nhwc"]


@dataclass(frozen=True)
class TfliteOptions:
    """What only TFLite is asked.

    via: what converts, from the PyTorch module or from its ONNX graph. layout: how the file's own images and
    maps lie, channels first or last; a runner takes and gives them as the spec has them either way.
    """

    via: Route = "litert-torch"
    layout: IoLayout = "nchw"


@dataclass(frozen=True)
class OnnxOptions:
    """opset: of the ``.onnx`` file; None for the exporter's own, which other targets through ONNX keep."""

    opset: int | None = None


@dataclass(frozen=True)
class EnvironmentOptions:
    """Options of converters that run in an isolated environment. time_limit_s: limit for their process."""

    time_limit_s: float = 3600


@dataclass(frozen=True)
class ExportOptions:
    """How a network is to be deployed.

    input_size: (height, width) in px, None for the published one. batch: images at once. dynamic: free axes
    keep their names and any length fits. embed_preprocessing: the input is a raw uint8 BGR image, N, H, W, 3,
    and color order, mean and std are inside. outputs: ``last`` keeps only those that poses are decoded
    from. precision: what convolutions and linear layers compute in; inputs and outputs stay FP32, and so does
    what is sensitive. Then what only a single target asks, named for it.
    """

    input_size: tuple[int, int] | None = None
    batch: int = 1
    dynamic: bool = False
    embed_preprocessing: bool = False
    outputs: Outputs = "all"
    precision: ExportPrecision = "fp32"
    aoti: AotiOptions = AotiOptions()
    onnx: OnnxOptions = OnnxOptions()
    tensorrt: TensorRtOptions = field(default_factory=TensorRtOptions)
    tflite: TfliteOptions = TfliteOptions()
    environment: EnvironmentOptions = EnvironmentOptions()
