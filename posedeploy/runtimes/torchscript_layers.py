"""The precision of the layers of a TorchScript program, from its graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch

from posedeploy.layer_counts import CONVOLUTIONS, TORCH_LAYERS, TRANSPOSED, count, torch_precision

ATEN, QUANTIZED = "aten::", "quantized::"
QUANTIZED_SUFFIXES = ("_relu", "_dynamic")
"""The ends of the names of quantized operators."""
IS_TRANSPOSED = 6
"""The position of the argument of ``_convolution`` and ``convolution`` that makes it a transposed one."""
VIEWS = {"aten::t", "aten::transpose", "aten::permute", "aten::view", "aten::reshape", "aten::contiguous"}
"""Operators between stored weights and a layer."""


def count_layers(program: Any) -> dict[str, Counter[str]]:
    """Return the precisions of the layers with stored weights, by class of layers.

    Args:
        program: a module that ``torch.jit.load`` returned.
    """
    layers = (_layer(node, program) for node in _nodes(program.inlined_graph))
    return count(filter(None, layers))


def _nodes(block: Any) -> Iterator[Any]:
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes(inner)


def _layer(node: Any, program: Any) -> tuple[str, str] | None:
    """Return the class and the precision of a layer; None for another node, or without stored weights."""
    kind: str = node.kind()
    if kind.startswith(QUANTIZED):
        name = kind.removeprefix(QUANTIZED)
        for suffix in QUANTIZED_SUFFIXES:
            name = name.removesuffix(suffix)
        return (TORCH_LAYERS[name], "int8") if name in TORCH_LAYERS else None
    layer = TORCH_LAYERS.get(kind.removeprefix(ATEN)) if kind.startswith(ATEN) else None
    if layer is None:
        return None
    inputs = list(node.inputs())
    weights = (_stored(value, program) for value in inputs)
    weight = next((each for each in weights if isinstance(each, torch.Tensor) and each.dim() > 1), None)
    if weight is None:
        return None
    if layer == CONVOLUTIONS and len(inputs) > IS_TRANSPOSED and inputs[IS_TRANSPOSED].toIValue() is True:
        layer = TRANSPOSED
    return layer, torch_precision(weight.dtype)


def _stored(value: Any, program: Any) -> Any:
    """Return what a program stores as a value: a tensor or a module; None if it is computed."""
    node = value.node()
    if node.kind() in VIEWS:
        return _stored(next(node.inputs()), program)
    if node.kind() == "prim::Constant":
        return value.toIValue()
    if node.kind() == "prim::GetAttr":
        return getattr(_stored(next(node.inputs()), program), node.s("name"), None)
    return program if node.kind() == "prim::Param" and value.debugName().startswith("self") else None
