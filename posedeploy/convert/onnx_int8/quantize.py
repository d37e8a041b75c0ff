"""Post-training quantization of an ONNX graph to INT8 with ONNX Runtime's quantizer."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
from onnxruntime.quantization.calibrate import TensorsData

from posedeploy.backends import TARGETS
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.layer_choice import ELEMENT_COST, Layer, QuantizableNetwork
from posedeploy.convert.onnx_int8.equalize import equalize, find_pairs
from posedeploy.convert.onnx_int8.graph import LAYERS, Graph, is_transposed
from posedeploy.convert.onnx_int8.guard import guard_float_layers
from posedeploy.convert.onnx_int8.int8_nodes import BETWEEN, find_between, find_layers, tensors_of
from posedeploy.convert.onnx_int8.ranges import Extremes, measure_extremes, measure_ranges
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError
from posedeploy.suppress_output import only_errors
from posedeploy.types import Array, CalibrationSet

OPTIONS = {"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]}
"""Of the quantizer: matrix products in INT8 have results in FP32. Convolutions cannot."""


def make_quantizable(
    model: onnx.ModelProto, prepared: Prepared, calibration: CalibrationSet
) -> QuantizableNetwork:
    """Calibrate an FP32 graph, and return what writes it with a choice of INT8 layers.

    Activations are quantized asymmetrically with one scale for each tensor, as ONNX Runtime requires.
    Channels are equalized first where that costs nothing. Weights are quantized per channel.

    Raises:
        ExportError: no layer is left to quantize, or values are not finite.
    """
    precision = prepared.options.precision
    graph = _copy(model)
    layers = find_layers(graph, precision)
    if not layers:
        raise ExportError(
            f"`precision={precision}`: no layer of this network is left for INT8: first and output layers, "
            "transposed convolutions and, in mixed precision, early layers stay in floating point; use "
            "`precision=fp32`"
        )
    names = [node.name for node in layers]
    int8_nodes = {*names, *find_between(graph, names)}
    nodes = [node for node in graph.model.graph.node if node.name in int8_nodes]
    extremes = _equalize(graph, set().union(*(tensors_of(graph, node) for node in nodes)), calibration)
    ranges = measure_ranges(graph.model, extremes, calibration)
    conversion = Conversion(
        precision=precision,
        inference_precision="fp32",
        packages=(*TARGETS["onnx"].packages, "onnxruntime"),
        calibration=calibration.record,
    )

    def write(float_layers: Collection[str], path: Path) -> Conversion:
        int8 = [name for name in names if name not in float_layers]
        onnx.save(_quantize(graph, int8, ranges) if int8 else graph.model, path)
        onnx.checker.check_model(path, full_check=True)
        return conversion

    costs = (_cost(graph, node, extremes[node.output[0]].elements) for node in layers)
    return QuantizableNetwork(tuple(map(Layer, names, costs)), write)


def _copy(model: onnx.ModelProto) -> Graph:
    """Return a copy with the shapes of all tensors."""
    return Graph(onnx.shape_inference.infer_shapes(model))


def _cost(graph: Graph, node: onnx.NodeProto, elements: int) -> float:
    """Return the cost of a layer as ``layer_choice.estimate_cost`` does.

    Args:
        elements: the number of elements of the layer's output.
    """
    lengths = [int(length) for length in graph.initializers[node.input[1]].dims]
    has_outputs_first = node.op_type == "Conv" or is_transposed(node)
    products = math.prod(lengths[1:] if has_outputs_first else lengths[:1])
    return elements * (products + ELEMENT_COST)


def _equalize(graph: Graph, names: set[str], calibration: CalibrationSet) -> dict[str, Extremes]:
    """Equalize a graph in place, and return the extremes of these tensors after that."""
    pairs = find_pairs(graph)
    by_channel = {name for pair in pairs for name in pair.tensors}
    extremes = measure_extremes(graph.model, names | by_channel, by_channel, calibration)
    factors = equalize(graph, pairs, {name: extremes[name].largest for name in by_channel})
    return {name: _as_whole(extremes[name], factors.get(name, np.ones(1))) for name in names}


def _as_whole(extremes: Extremes, factors: Array) -> Extremes:
    """Return the extremes of a tensor over its channels, which were divided by these factors."""
    low, high = (extremes.low / factors).min(), (extremes.high / factors).max()
    return Extremes(low, high, extremes.elements)


def _quantize(
    graph: Graph, layers: Collection[str], ranges: Mapping[str, tuple[float, float]]
) -> onnx.ModelProto:
    """Return a copy of a graph with these layers, and the operators between them, in INT8."""
    model = onnx.ModelProto()
    model.CopyFrom(graph.model)
    data = TensorsData(
        CalibrationMethod.MinMax,
        {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()},
    )
    with only_errors("root"):
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=data,
            nodes_to_quantize=[*layers, *find_between(graph, layers)],
            nodes_to_exclude=[],
            op_types_to_quantize=[*LAYERS, *sorted(BETWEEN)],
            extra_options=OPTIONS,
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
    quantized: onnx.ModelProto = quantizer.model.model
    guard_float_layers(quantized)
    return quantized
