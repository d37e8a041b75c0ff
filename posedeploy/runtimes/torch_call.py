"""Call torch programs with host arrays: on the CPU, on a GPU, and as CUDA graphs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from posedeploy.cuda_graph import Form, GraphedCall
from posedeploy.errors import ArtifactError, DeviceError, PoseDeployError, first_line
from posedeploy.flatten import flat
from posedeploy.runtimes import forks
from posedeploy.types import CUDA_GRAPH, Array, Tensors, TensorSpec

Program: TypeAlias = Callable[..., Any]
"""A function from tensors to any nesting of tensors."""
Call: TypeAlias = Callable[[list[Array]], Tensors]
Forms: TypeAlias = tuple[Form, ...]
Replay: TypeAlias = Callable[[Sequence[torch.Tensor]], Sequence[torch.Tensor]]
"""From host tensors to host tensors that the caller owns."""
RUN_ERRORS = (RuntimeError, torch.jit.Error)
"""The errors of torch for a file whose operators do not fit each other, and of CUDA."""
MAX_GRAPHS = 4
"""The number of recently used input shapes whose graphs are kept; each holds the memory of a run."""


def open_call(
    program: Program,
    device: torch.device,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    *,
    threads: int | None = None,
    graphs: bool = True,
) -> tuple[Call, dict[str, str]]:
    """Return a function from the input arrays, in order, to the outputs by name, and details for reports.

    On the CPU, each call uses ``threads``: torch's thread count is global, and another runner may change it.

    On a GPU with ``graphs``, a program of fixed shapes is captured as a CUDA graph immediately, and one with
    dynamic axes at the second run of the same shapes. A program that cannot be captured runs without a graph,
    and the details then have the reason.
    """
    names = [spec.name for spec in outputs]
    if device.type == "cpu":
        return _OnCpu(program, names, threads), {}
    if not graphs:
        return _OnGpu(program, names, device), {CUDA_GRAPH: "no"}
    graphed = GraphedProgram(
        _OnGpu(program, names, device), names, lambda forms: GraphedCall(program, forms, device)
    )
    if any(spec.is_dynamic for spec in inputs):
        graphed.report[CUDA_GRAPH] = "per input shape, from its second run"
    else:
        shapes = [tuple(int(length) for length in spec.shape) for spec in inputs]
        dtypes = [getattr(torch, spec.dtype) for spec in inputs]
        graphed.capture(tuple(zip(shapes, dtypes, strict=True)))
    return graphed, graphed.report


def _to_array(tensor: torch.Tensor) -> Array:
    """Return a tensor on the CPU as an array; BF16, which NumPy does not have, as FP32."""
    array: Array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array


class _OnCpu:
    """A call of a program on the CPU."""

    def __init__(self, program: Program, names: list[str], threads: int | None) -> None:
        self._program, self._names, self._threads = program, names, threads

    def __call__(self, arrays: list[Array]) -> Tensors:
        if self._threads not in (None, torch.get_num_threads()):
            torch.set_num_threads(self._threads)
        if torch.get_num_threads() > 1:
            forks.start_threads("PyTorch")
        with torch.inference_mode():
            results = flat(self._program(*(_tensor(array) for array in arrays)))
            # A network may return its input or a weight, but the caller owns the results.
            copies = [result.to("cpu", copy=True) for result in results]
            return {name: _to_array(copy) for name, copy in zip(self._names, copies, strict=True)}


class _OnGpu:
    """A call of a program on a GPU, with asynchronous copies in pinned memory."""

    def __init__(self, program: Program, names: list[str], device: torch.device) -> None:
        self._program, self._names, self._device = program, names, device

    def __call__(self, arrays: list[Array]) -> Tensors:
        with torch.inference_mode():
            inputs = [_tensor(array).pin_memory().to(self._device, non_blocking=True) for array in arrays]
            results = flat(self._program(*inputs))
            copies = [torch.empty(result.shape, dtype=result.dtype, pin_memory=True) for result in results]
            for copy, result in zip(copies, results, strict=True):
                copy.copy_(result, non_blocking=True)
            torch.cuda.current_stream(self._device).synchronize()
            return {name: _to_array(copy) for name, copy in zip(self._names, copies, strict=True)}


class GraphedProgram:
    """A call of a program by CUDA graphs, one for each form of its inputs. Not thread-safe.

    ``plain`` runs the program without a graph, and ``make`` captures it for inputs of some forms.
    """

    def __init__(self, plain: Call, names: list[str], make: Callable[[Forms], Replay]) -> None:
        self._plain, self._names, self._make = plain, names, make
        self._graphs: OrderedDict[Forms, Replay | None] = OrderedDict()
        self._can_capture = True
        self.report = {CUDA_GRAPH: "yes"}

    def capture(self, forms: Forms) -> Replay | None:
        """Capture the program on inputs of these forms; on failure, return None and report the reason."""
        try:
            graph = self._graphs[forms] = self._make(forms)
        except RuntimeError as error:
            self._can_capture, self.report[CUDA_GRAPH] = False, f"no: {first_line(error)}"
            return None
        return graph

    def __call__(self, arrays: list[Array]) -> Tensors:
        tensors = [_tensor(array) for array in arrays]
        graph = self._graph(tuple((tuple(tensor.shape), tensor.dtype) for tensor in tensors))
        if graph is None:
            return self._plain(arrays)
        with torch.inference_mode():
            results = graph(tensors)
            return {name: result.numpy() for name, result in zip(self._names, results, strict=True)}

    def _graph(self, forms: Forms) -> Replay | None:
        if not self._can_capture:
            return None
        if forms not in self._graphs:
            self._graphs[forms] = None  # the first run
            while len(self._graphs) > MAX_GRAPHS:
                self._graphs.popitem(last=False)
            return None
        self._graphs.move_to_end(forms)
        return self._graphs[forms] or self.capture(forms)


def failure(path: Path, device: str, error: Exception) -> PoseDeployError:
    """Return the error for a run of a file that raised one of ``RUN_ERRORS`` on a device, such as ``CPU``."""
    reason = first_line(error)
    if reason.startswith("The following operation failed in the TorchScript interpreter"):
        reason = first_line(RuntimeError(str(error).strip().rpartition("\n")[2]))  # after the traceback
    if device != "CPU":
        return DeviceError(f"`device=cuda`: torch cannot run {path} on the GPU ({reason})")
    return ArtifactError(f"{path}: torch cannot run it on these inputs ({reason})")


def _tensor(array: Array) -> torch.Tensor:
    """Return the array as a tensor; torch does not support negative strides or read-only memory."""
    return torch.from_numpy(np.require(array, requirements=("C", "W")))
