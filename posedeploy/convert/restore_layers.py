"""Put layers of a quantized OpenVINO graph back to floating point, without another calibration.

NNCF keeps the names of operators. A layer is restored by giving it the weights and the bias of the FP32
graph, and its input without the operators that NNCF added. The ranges of all other layers do not change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from posedeploy.convert.float_layers import LAYERS, MOVES, is_constant
from posedeploy.convert.layer_choice import estimate_cost


def restore(quantized: Any, original: Any, names: Collection[str], int8: Collection[str]) -> Any:
    """Return a copy of a quantized graph with some layers in floating point.

    Operators between layers, such as additions, become floating point where no layer in INT8 follows.

    Args:
        original: the graph in FP32 with the same names.
        names: the names of the layers to put back.
        int8: the names of all layers that are in INT8 in the quantized graph.
    """
    model = quantized.clone()
    originals = {node.get_friendly_name(): node for node in original.get_ordered_ops()}
    layers = [node for node in model.get_ordered_ops() if node.get_friendly_name() in int8]
    for node in layers:
        if node.get_friendly_name() in names:
            _restore_layer(node, originals)
    _remove_unused_rounding(model, [node for node in layers if node.get_friendly_name() not in names])
    model.validate_nodes_and_infer_types()
    return model


def _remove_unused_rounding(model: Any, int8_layers: Iterable[Any]) -> None:
    """Remove each ``FakeQuantize`` from which no layer in INT8 is reached without another layer between."""
    pending, used = list(int8_layers), set[str]()
    while pending:
        for value in pending.pop().input_values():
            node = value.get_node()
            if node.get_friendly_name() not in used and node.get_type_name() not in LAYERS:
                used.add(node.get_friendly_name())
                pending.append(node)
    for node in model.get_ordered_ops():
        if node.get_type_name() == "FakeQuantize" and node.get_friendly_name() not in used:
            for port in node.output(0).get_target_inputs():
                port.replace_source_output(node.input_value(0))


def _restore_layer(node: Any, originals: dict[str, Any]) -> None:
    original = originals[node.get_friendly_name()]
    for port, source in zip(node.inputs(), original.input_values(), strict=True):
        if is_constant(source.get_node()):
            port.replace_source_output(source)
        else:
            _skip_added(port, originals)
    for consumer in _adds(node):
        _restore_bias(consumer, originals.get(consumer.get_friendly_name()), node)


def _skip_added(port: Any, originals: dict[str, Any]) -> None:
    """Connect an input to the value before the operators that quantization added, such as ``FakeQuantize``
    and scales that smooth activations, also behind operators that move values."""
    source = port.get_source_output().get_node()
    if source.get_type_name() in MOVES and _count_consumers(source) == 1:
        for each in source.inputs():
            _skip_added(each, originals)
    while source.get_friendly_name() not in originals and (values := source.input_values()):
        value = next((each for each in values if not is_constant(each.get_node())), values[0])
        port.replace_source_output(value)
        source = value.get_node()


def _count_consumers(node: Any) -> int:
    return sum(len(output.get_target_inputs()) for output in node.outputs())


def _adds(node: Any) -> list[Any]:
    consumers = [port.get_node() for port in node.output(0).get_target_inputs()]
    return [consumer for consumer in consumers if consumer.get_type_name() == "Add"]


def _restore_bias(add: Any, original: Any | None, layer: Any) -> None:
    """Give an addition the bias of the FP32 graph, or remove one that corrects a layer without a bias."""
    if original is None:
        for port in add.output(0).get_target_inputs():
            port.replace_source_output(layer.output(0))
        return
    for port, source in zip(add.inputs(), original.input_values(), strict=True):
        if is_constant(source.get_node()):
            port.replace_source_output(source)


def estimate_costs(model: Any) -> Iterator[tuple[str, float]]:
    """Yield the name and the estimated cost of each layer of a graph for inputs of fixed shapes, in graph
    order: as ``layer_choice.estimate_cost`` does."""
    for node in model.get_ordered_ops():
        if node.get_type_name() in LAYERS:
            yield node.get_friendly_name(), _estimate_cost(node)


def _estimate_cost(node: Any) -> float:
    source, weights = (_lengths(value) for value in node.input_values()[:2])
    output, kind = _lengths(node.output(0)), node.get_type_name()
    if kind != "MatMul":
        return estimate_cost(output, weights, source if "Backprop" in kind else output, 1)
    if is_constant(node.input_value(1).get_node()):
        return estimate_cost(output, weights, output, -1)
    return estimate_cost(output, [*source[-1:], *output[-1:]], output, -1)


def _lengths(value: Any) -> list[int]:
    """Return the shape of a value. A length that depends on the data is its upper limit, or 1 if it has none;
    an unknown number of axes is none."""
    shape = value.get_partial_shape()
    if shape.rank.is_dynamic:
        return []
    return [axis.get_length() if axis.is_static else max(axis.get_max_length(), 1) for axis in shape]
