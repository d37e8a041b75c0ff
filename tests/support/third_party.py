"""Third-party model files: channels last, integer inputs and outputs, no manifest."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from posedeploy.suppress_output import suppress_stderr
from posedeploy.types import TO_CHANNELS_FIRST, TO_CHANNELS_LAST, Array, Quantization
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH
from tests.support.synthetic_maps import crowd

ONNX_TYPES = {
    "float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "int8": TensorProto.INT8,
    "uint16": TensorProto.UINT16, "int16": TensorProto.INT16,
}  # fmt: skip
INPUTS = {
    "float32": None, "int8": Quantization(1 / 255, 0), "uint8": Quantization(1 / 255, 128),
    "int16": Quantization(1 / 60000, 0), "uint16": Quantization(1 / 60000, 30000),
}  # fmt: skip
"""The quantization of an input of lightweight-openpose-2d, with values from -0.5 to 0.5, by dtype."""
MAPS = {
    "float32": None, "int8": Quantization(1 / 100, -3), "uint8": Quantization(1 / 100, 120),
    "int16": Quantization(1 / 20000, 5), "uint16": Quantization(1 / 20000, 30000),
}  # fmt: skip
"""The quantization of maps with values from -1 to 1, by dtype."""


@dataclass(frozen=True)
class TensorKind:
    """The type and layout of a file's tensors."""

    dtype: str = "float32"
    layout: str = "NHWC"


def write_onnx(path: Path, input_kind: TensorKind, output_kind: TensorKind) -> Path:
    """Write an ONNX file of lightweight-openpose-2d that outputs ``PEOPLE`` people for every image."""
    graph = _Graph()
    entry = graph.dequantize("images", input_kind.dtype, INPUTS[input_kind.dtype])
    entry = graph.transpose(entry, input_kind.layout, TO_CHANNELS_FIRST)
    weights = graph.constant(np.full((1, 3, 8, 8), 1e-6 / 192, np.float32))
    epsilon = graph.node("Conv", entry, weights, strides=[8, 8])
    maps = crowd(PEOPLE, HEIGHT // 8, WIDTH // 8)
    for name, array in (("heatmaps", maps.heatmaps), ("pafs", maps.pafs)):
        added = graph.node("Add", graph.constant(array[None]), epsilon)
        output = graph.transpose(added, output_kind.layout, TO_CHANNELS_LAST)
        graph.quantize(output, name, output_kind.dtype, MAPS[output_kind.dtype])
    shape = [1, 3, HEIGHT, WIDTH] if input_kind.layout == "NCHW" else [1, HEIGHT, WIDTH, 3]
    onnx_graph = helper.make_graph(
        graph.nodes,
        "crowd",
        [helper.make_tensor_value_info("images", ONNX_TYPES[input_kind.dtype], shape)],
        [
            helper.make_tensor_value_info(
                name, ONNX_TYPES[output_kind.dtype], _map_shape(channels, output_kind.layout)
            )
            for name, channels in (("heatmaps", 19), ("pafs", 38))
        ],
        graph.constants,
    )
    opset = 21 if "16" in input_kind.dtype + output_kind.dtype else 13
    model = helper.make_model(onnx_graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def _map_shape(channels: int, layout: str) -> list[int]:
    size = [HEIGHT // 8, WIDTH // 8]
    return [1, channels, *size] if layout == "NCHW" else [1, *size, channels]


class _Graph:
    """The nodes and constants of an ONNX graph, with numbered names."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Array | np.generic) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def transpose(self, name: str, layout: str, axes: tuple[int, ...]) -> str:
        return name if layout == "NCHW" else self.node("Transpose", name, perm=axes)

    def dequantize(self, name: str, dtype: str, quantization: Quantization | None) -> str:
        if quantization is None:
            return name
        return self.node("DequantizeLinear", name, *self._parameters(dtype, quantization))

    def quantize(self, name: str, output: str, dtype: str, quantization: Quantization | None) -> str:
        if quantization is None:
            return self.node("Identity", name, output=output)
        return self.node("QuantizeLinear", name, *self._parameters(dtype, quantization), output=output)

    def _parameters(self, dtype: str, quantization: Quantization) -> tuple[str, str]:
        scale, zero_point = np.float32(quantization.scale), np.dtype(dtype).type(quantization.zero_point)
        return self.constant(scale), self.constant(zero_point)


def contract(input_kind: TensorKind, output_kind: TensorKind) -> str:
    """Return the complete contract of a file of ``write_onnx``."""
    lines = [
        'family = "lightweight-openpose-2d"',
        "",
        "[input]",
        'name = "images"',
        *_table(input_kind, INPUTS),
    ]
    for role in ("heatmaps", "pafs"):
        lines += ["", f"[outputs.{role}]", f'name = "{role}"', *_table(output_kind, MAPS), "stride = 8"]
    return "\n".join(lines) + "\n"


def _table(kind: TensorKind, quantizations: dict[str, Quantization | None]) -> list[str]:
    lines, quantization = [f'dtype = "{kind.dtype}"', f'layout = "{kind.layout}"'], quantizations[kind.dtype]
    if quantization is not None:
        lines += [f"scale = {quantization.scale!r}", f"zero_point = {quantization.zero_point}"]
    return lines


def write_tflite(folder: Path, bits: int = 8) -> Path:
    """Write a full-integer TFLite file of the same network: channels last, with tensors of 8 or 16 bits."""
    import litert_torch
    import torch
    from ai_edge_quantizer import quantizer, recipe

    from tests.predict.conftest import CrowdNetwork

    class ChannelsLast(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = CrowdNetwork(crowd(PEOPLE, HEIGHT // 8, WIDTH // 8))

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            maps = self.network(images.permute(TO_CHANNELS_FIRST))
            return tuple(each.permute(TO_CHANNELS_LAST) for each in maps)

    torch.manual_seed(0)
    images = torch.rand(1, HEIGHT, WIDTH, 3) - 0.5
    samples = {"serving_default": [{"args_0": images.numpy()}]}
    plain, path = folder / "float.tflite", folder / f"int{bits}.tflite"
    with warnings.catch_warnings(), suppress_stderr(native=False):  # these warnings are not about our code
        warnings.simplefilter("ignore")
        litert_torch.convert(ChannelsLast().eval(), (images,)).export(str(plain))
        kind = recipe.static_wi8_ai8() if bits == 8 else recipe.static_wi8_ai16()
        converter = quantizer.Quantizer(str(plain), kind)
        path.write_bytes(converter.quantize(converter.calibrate(samples)).quantized_model)
    return path
