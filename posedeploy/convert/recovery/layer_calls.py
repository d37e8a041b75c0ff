"""The calls of convolutions and linear layers in a run of a network, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from posedeploy.flatten import flat
from posedeploy.reduced_precision import LAYERS

TRANSPOSED = frozenset(
    (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)
)
GROUPS_POSITION = 6
"""The position of ``groups`` in the arguments of a convolution."""


class LayerCalls(TorchFunctionMode):
    """Passes each call of a layer to ``call_layer``, with its number in this run of the network.

    A layer that a network calls twice has two numbers. Use an instance for one run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func not in LAYERS:
            return func(*args, **kwargs)
        tensors = list(args[:2])
        tensors += [kwargs.pop(name) for name in ("input", "weight")[len(tensors) :]]
        number, self.count = self.count, self.count + 1
        return self.call_layer(number, func, (*tensors, *args[2:]), kwargs)

    def call_layer(
        self, number: int, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        """Return the result of a layer.

        Args:
            args: begins with the input and the weights.
        """
        result: Tensor = func(*args, **kwargs)
        return result


def run(network: nn.Module, inputs: Sequence[Tensor], calls: LayerCalls) -> tuple[Tensor, ...]:
    """Return the outputs of a network, whose layers are called through ``calls``."""
    with calls:
        return flat(network(*inputs))


def is_depthwise(func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Return whether a layer computes each channel of its result from one channel of its input."""
    if func not in LAYERS or func in TRANSPOSED or func is functional.linear:
        return False
    groups = args[GROUPS_POSITION] if len(args) > GROUPS_POSITION else kwargs.get("groups", 1)
    weights: Tensor = args[1]
    return bool(groups > 1 and weights.shape[1] == 1)


def find_output_layers(network: nn.Module, inputs: Sequence[Tensor]) -> tuple[frozenset[int], int]:
    """Return the numbers of the layers with a path to an output without another layer, and the number of all.

    Raises:
        RuntimeError: the network cannot be differentiated.
    """
    calls = GradientNodes()
    with torch.enable_grad():
        outputs = run(network, inputs, calls)
    pending, seen, layers = [output.grad_fn for output in outputs], set[Any](), set[int]()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in calls.numbers:
            layers.add(calls.numbers[node])
        else:
            pending += [source for source, _ in node.next_functions]
    return frozenset(layers), calls.count


class GradientNodes(LayerCalls):
    """The number of each layer, by the node of its result in the graph of gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[Any, int] = {}

    def call_layer(
        self, number: int, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor:
        result = super().call_layer(number, func, args, kwargs)
        self.numbers[result.grad_fn] = number
        return result
