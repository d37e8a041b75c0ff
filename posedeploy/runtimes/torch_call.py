"""From host arrays to host arrays, for anything that torch calls: on the CPU, on a GPU, as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch

from posedeploy.errors import first_line
from posedeploy.nesting import flat
from posedeploy.runtimes.cuda_graph import GraphedCall
from posedeploy.types import Array, Tensors, TensorSpec

Program: TypeAlias = Callable[..., Any]
"""Takes tensors and returns any nesting of tensors."""
Call: TypeAlias = Callable[[list[Array]], Tensors]


def open_call(
    program: Program,
    device: torch.device,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    *,
    graphs: bool = True,
) -> tuple[Call, dict[str, str]]:
    """A function from the input arrays, in order, to the outputs by name, and what to report of it.

    On a GPU, a program of fixed shapes is recorded as a CUDA graph, copies of the inputs included, unless
    ``graphs`` forbids it. A program that cannot be recorded is run call by call, and the report says why.
    """
    names = [spec.name for spec in outputs]
    if device.type == "cpu":
        return _OnCpu(program, names), {}
    if not graphs or any(spec.is_dynamic for spec in inputs):
        return _OnGpu(program, names, device), {"CUDA graph": "no"}
    try:
        graphed = GraphedCall(program, tuple(inputs), device)
    except RuntimeError as error:
        return _OnGpu(program, names, device), {"CUDA graph": f"no: {first_line(error)}"}
    return _Graphed(graphed, names, device), {"CUDA graph": "yes"}


class _OnCpu:
    """Calls the program on arrays as they are."""

    def __init__(self, program: Program, names: list[str]) -> None:
        self._program, self._names = program, names

    def __call__(self, arrays: list[Array]) -> Tensors:
        with torch.inference_mode():
            results = flat(self._program(*(_tensor(array) for array in arrays)))
            # Copies, since a network may return its own input or a weight, and results are the caller's.
            copies = [result.to("cpu", copy=True) for result in results]
            return {name: copy.numpy() for name, copy in zip(self._names, copies, strict=True)}


class _OnGpu:
    """Calls the program on copies in pinned memory, so that copies are queued and not waited for."""

    def __init__(self, program: Program, names: list[str], device: torch.device) -> None:
        self._program, self._names, self._device = program, names, device

    def __call__(self, arrays: list[Array]) -> Tensors:
        with torch.inference_mode():
            given = [_tensor(array).pin_memory().to(self._device, non_blocking=True) for array in arrays]
            return _downloaded(self._names, flat(self._program(*given)), self._device)


class _Graphed:
    """Replays a recorded program. One replay at a time: the graph has one set of inputs and outputs."""

    def __init__(self, graphed: GraphedCall, names: list[str], device: torch.device) -> None:
        self._graphed, self._names, self._device = graphed, names, device

    def __call__(self, arrays: list[Array]) -> Tensors:
        with torch.inference_mode():
            results = self._graphed([_tensor(array) for array in arrays])
            return _downloaded(self._names, results, self._device)


def _tensor(array: Array) -> torch.Tensor:
    """The array as a tensor; torch takes neither negative strides nor read-only memory."""
    return torch.from_numpy(np.require(array, requirements=("C", "W")))


def _downloaded(names: list[str], results: Sequence[torch.Tensor], device: torch.device) -> Tensors:
    """Copies in pinned memory of the caller's own: all are queued, and waited for once."""
    copies = [torch.empty(result.shape, dtype=result.dtype, pin_memory=True) for result in results]
    for copy, result in zip(copies, results, strict=True):
        copy.copy_(result, non_blocking=True)
    torch.cuda.current_stream(device).synchronize()
    return {name: copy.numpy() for name, copy in zip(names, copies, strict=True)}
