"""Reduce the precision of a TFLite file with Google's ai-edge-quantizer."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
from ai_edge_quantizer.quantizer import Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager
from ai_edge_quantizer.utils.tfl_flatbuffer_utils import TFL_OP_CODE_TO_NAME

from posedeploy.convert.export_options import Activations, ExportPrecision
from posedeploy.convert.tflite import float_operators
from posedeploy.convert.tflite.equalize import equalize, find_pairs
from posedeploy.convert.tflite.flatbuffer import read_model, write_model
from posedeploy.convert.tflite.graph import CODES, LAYERS, Graph, Operator
from posedeploy.convert.tflite.observe import observe_channels, observe_ranges
from posedeploy.convert.tflite.signature import Signature
from posedeploy.errors import ExportError, first_line
from posedeploy.suppress_output import only_errors, suppress_stderr
from posedeploy.types import Array, CalibrationSet

ALL = TFLOperationName.ALL_SUPPORTED
ACTIVATION_BITS: Mapping[Activations, int] = {"int8": 8, "int16": 16}
TAILS: Mapping[int, float] = {8: 3e-5, 16: 0.0}
"""The share of the values of a tensor, on each side, that its range leaves out, by the bits of activations:
single outliers would make the steps of all other values larger."""
EQUALIZED_ON = 32
"""The number of calibration inputs that the ranges of single channels are measured on."""


def reduce_weights(content: bytes) -> bytes:
    """Return a file with FP16 weights; its arithmetic stays FP32."""
    quantizer = Quantizer(content)
    quantizer.add_weight_only_config(
        ".*", ALL, 16, granularity=QuantGranularity.TENSORWISE, algorithm_key=AlgorithmName.FLOAT_CASTING
    )
    return _quantize(quantizer, "fp16")


def quantize_dynamically(content: bytes) -> bytes:
    """Return a file with INT8 weights, whose layers quantize their activations at run time.

    Depthwise layers stay in floating point: XNNPACK does not run them in this form, and the interpreter's own
    kernel is slower than the float one.

    Raises:
        ExportError: no layer is left to quantize.
    """
    graph = Graph(read_model(content))
    layers = [layer for layer in float_operators.find_layers(graph) if layer.kind != "BATCH_MATMUL"]
    floats = float_operators.find_sensitive_operators(graph) | float_operators.find_depthwise_layers(graph)
    chosen = [layer for layer in layers if layer.index not in floats]
    _check_layers(chosen, "int8")
    quantizer = Quantizer(content)
    quantizer.add_dynamic_config(_pattern(chosen), ALL, 8)
    return _quantize(quantizer, "int8")


@dataclass(frozen=True)
class StaticQuantizer:
    """Quantizes a file with ranges that were measured on calibration inputs.

    content: the file in FP32, with equalized channels. graph: its graph. floats: the indices of the operators
    that always stay in floating point. bits: the width of activations. ranges: the ranges of the other
    tensors, by name.
    """

    content: bytes
    graph: Graph
    floats: frozenset[int]
    bits: int
    ranges: Mapping[str, tuple[float, float]]
    precision: ExportPrecision

    @property
    def layers(self) -> list[Operator]:
        """The layers that can be quantized, in the order of the graph."""
        layers = float_operators.find_layers(self.graph)
        return [layer for layer in layers if layer.index not in self.floats]

    def quantize(self, float_layers: Collection[str] = ()) -> bytes:
        """Return the quantized file.

        Args:
            float_layers: the names of the layers that also stay in floating point.

        Raises:
            ExportError: ai-edge-quantizer cannot quantize the graph.
        """
        chosen = {*self.floats, *(each.index for each in self.layers if each.scope in float_layers)}
        floats = float_operators.extend_between(self.graph, chosen, _support(self.bits))
        quantizer = Quantizer(self.content)
        quantizer.add_static_config(".*", ALL, self.bits, 8)
        for side in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
            quantizer.update_quantization_recipe(".*", side, algorithm_key=AlgorithmName.NO_QUANTIZE)
        pattern = _pattern([operator for operator in self.graph.operators if operator.index in floats])
        quantizer.update_quantization_recipe(pattern, ALL, algorithm_key=AlgorithmName.NO_QUANTIZE)
        statistics = {
            name: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
            for name, (low, high) in self.ranges.items()
        }
        return _quantize(quantizer, self.precision, statistics)


def calibrate(
    content: bytes,
    precision: ExportPrecision,
    activations: Activations,
    calibration: CalibrationSet,
    signature: Signature,
) -> StaticQuantizer:
    """Equalize the channels of an FP32 file and measure the ranges of its tensors.

    Args:
        precision: ``int8``; or ``mixed``, which also keeps early layers in floating point.
        activations: ``int8`` or ``int16``.

    Raises:
        ExportError: no layer is left to quantize, or the network computes NaN on a calibration input.
    """
    graph, inputs = Graph(read_model(content)), calibration.inputs
    bits = ACTIVATION_BITS[activations]
    floats = float_operators.find_sensitive_operators(graph)
    floats |= float_operators.find_early_layers(graph) if precision == "mixed" else set()
    if bits == 16:  # LiteRT has no kernel for it with 16-bit activations and INT8 weights
        floats |= {layer.index for layer in graph.operators if layer.kind == "BATCH_MATMUL"}
    floats = float_operators.extend_between(graph, floats, _support(bits))
    quantized = [operator for operator in graph.operators if operator.index not in floats]
    _check_layers([operator for operator in quantized if operator.kind in LAYERS], precision)
    pairs = find_pairs(graph)
    tensors = {pair.tensor for pair in pairs}
    few = inputs[:: -(-len(inputs) // EQUALIZED_ON)]
    equalize(graph, pairs, observe_channels(content, tensors, signature, few))
    content = write_model(graph.model)
    tensors = {tensor for operator in quantized for tensor in (*operator.inputs, *operator.outputs)}
    ranges = observe_ranges(graph, content, tensors, signature, inputs, TAILS[bits])
    return StaticQuantizer(content, graph, frozenset(floats), bits, ranges, precision)


def _support(bits: int) -> Callable[[Operator], bool]:
    """Return the test whether the quantizer supports an operator with activations of these bits."""
    recipes = RecipeManager()
    recipes.add_static_config(".*", ALL, bits, 8)

    def is_supported(operator: Operator) -> bool:
        name = TFL_OP_CODE_TO_NAME.get(CODES[operator.kind])
        return name is not None and recipes.get_quantization_configs(name, "")[0] != AlgorithmName.NO_QUANTIZE

    return is_supported


def _check_layers(layers: Iterable[Operator], precision: ExportPrecision) -> None:
    if not any(True for _ in layers):
        raise ExportError(
            f"`precision={precision}`: no layer of this network is left for INT8: output layers and, in "
            "mixed precision, early layers stay in floating point; use `precision=fp16`"
        )


def _pattern(operators: Sequence[Operator]) -> str:
    """Return the regular expression of the quantizer for these operators."""
    return "^(?:" + "|".join(re.escape(operator.scope) for operator in operators) + ")$"


def _quantize(
    quantizer: Quantizer,
    precision: ExportPrecision,
    statistics: Mapping[str, Mapping[str, Array]] | None = None,
) -> bytes:
    try:
        with suppress_stderr(), only_errors("root"), only_errors("absl"):  # a progress bar
            result = quantizer.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    except (RuntimeError, ValueError) as error:
        raise ExportError(
            f"`precision={precision}`: ai-edge-quantizer cannot quantize this network: {first_line(error)}; "
            "use `precision=fp32`"
        ) from error
    return bytes(result.quantized_model)
