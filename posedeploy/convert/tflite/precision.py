"""Write a checked FP32 file in the precision of the options, and run the result."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from posedeploy.convert.conversion import Conversion
from posedeploy.convert.layer_choice import Layer, QuantizableNetwork, estimate_cost
from posedeploy.convert.prepare import Prepared
from posedeploy.convert.tflite.check import check_runs
from posedeploy.convert.tflite.flatbuffer import read_model
from posedeploy.convert.tflite.graph import Graph, Operator
from posedeploy.convert.tflite.metadata import finish
from posedeploy.convert.tflite.quantize import calibrate, quantize_dynamically, reduce_weights
from posedeploy.convert.tflite.signature import Signature
from posedeploy.suppress_output import suppress_stderr
from posedeploy.types import CalibrationSet, Tensors


def write_reduced(
    path: Path,
    prepared: Prepared,
    signature: Signature,
    calibration: CalibrationSet | None,
    conversion: Conversion,
) -> Conversion:
    """Replace a checked FP32 file by one in the precision of the options, with its metadata.

    Args:
        calibration: None for precisions without measured ranges.
        conversion: the result, without what depends on the choice of float layers.

    Raises:
        ExportError: no layer is left to quantize, the quantizer does not support the graph, or LiteRT lacks a
            kernel for an operator in this precision.
    """
    options, content = prepared.options, path.read_bytes()
    prepared.on_progress("quantizing", None)
    if calibration is None:
        reduce = reduce_weights if options.precision == "fp16" else quantize_dynamically
        return _finish(reduce(content), path, prepared, signature, conversion)
    activations = options.tflite.activations
    quantizer = calibrate(content, options.precision, activations, calibration, signature)

    samples = () if options.budget else calibration.inputs[:1]  # the budget measures all trials

    def write(float_layers: Collection[str], trial: Path) -> Conversion:
        content = quantizer.quantize(float_layers)
        return _finish(content, trial, prepared, signature, conversion, samples)

    layers = tuple(
        Layer(layer.scope, estimate_layer_cost(quantizer.graph, layer)) for layer in quantizer.layers
    )
    return prepared.write_quantized(QuantizableNetwork(layers, write), path)


def _finish(
    content: bytes,
    path: Path,
    prepared: Prepared,
    signature: Signature,
    conversion: Conversion,
    samples: Sequence[Tensors] = (),
) -> Conversion:
    """Write a file, run it on random inputs and on these samples, and add its metadata."""
    path.write_bytes(content)
    with suppress_stderr():
        check_runs(path, read_model(content), prepared, signature, is_reduced=True, samples=samples)
        finish(path, prepared, signature)
    return conversion


def estimate_layer_cost(graph: Graph, layer: Operator) -> float:
    """Return the cost of a layer as ``layer_choice.estimate_cost`` does."""
    inputs = graph.model.subgraphs[0].operators[layer.index].inputs
    output, weights = (graph.shape_of(tensor) for tensor in (layer.outputs[0], int(inputs[1])))
    # A transposed convolution reads the shape of its output, the weights and then its input.
    kernel_positions = graph.shape_of(int(inputs[2])) if layer.kind == "TRANSPOSE_CONV" else output
    return estimate_cost(output, weights, kernel_positions, -1)
