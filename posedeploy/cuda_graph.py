"""Capture calls of torch as CUDA graphs and replay them: one launch instead of hundreds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch

from posedeploy.flatten import flat

WARM_UPS = 3
"""Calls before the capture, in which libraries select kernels and allocate memory."""
Form: TypeAlias = tuple[tuple[int, ...], torch.dtype]
"""The shape and type of a tensor."""


class GraphedCall:
    """A CUDA graph of a function of tensors with fixed shapes.

    The graph starts with copies of the inputs from pinned memory to the GPU. It ends with the outputs
    concatenated in one block of memory per dtype, so that one copy transfers all of them.

    Raises:
        RuntimeError: the function cannot be captured, or the GPU is out of memory.
    """

    def __init__(self, call: Callable[..., Any], inputs: Sequence[Form], device: torch.device) -> None:
        self._device = device
        self._pinned = [torch.zeros(shape, dtype=dtype, pin_memory=True) for shape, dtype in inputs]
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(side):
                for _ in range(WARM_UPS):
                    self._queue(call)
            torch.cuda.current_stream(device).wait_stream(side)
            # Other threads may use the GPU meanwhile.
            with (
                _separate_random_state(device),
                torch.cuda.graph(self._graph, capture_error_mode="thread_local"),
            ):
                self._joined = self._queue(call)

    def _queue(self, call: Callable[..., Any]) -> dict[torch.dtype, torch.Tensor]:
        inputs = [pinned.to(self._device, non_blocking=True) for pinned in self._pinned]
        outputs = flat(call(*inputs))
        self._forms: list[Form] = [(tuple(output.shape), output.dtype) for output in outputs]
        return {
            dtype: torch.cat([output.reshape(-1) for output in outputs if output.dtype == dtype])
            for dtype in dict.fromkeys(output.dtype for output in outputs)
        }

    def __call__(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Replay on host tensors and wait for the GPU. The caller owns the outputs, which are in pinned
        memory."""
        for pinned, tensor in zip(self._pinned, tensors, strict=True):
            pinned.copy_(tensor)
        self._graph.replay()
        host = {
            dtype: torch.empty(joined.shape, dtype=dtype, pin_memory=True)
            for dtype, joined in self._joined.items()
        }
        for dtype, joined in self._joined.items():
            host[dtype].copy_(joined, non_blocking=True)
        torch.cuda.current_stream(self._device).synchronize()
        return list(_split(host, self._forms))


def _split(joined: dict[torch.dtype, torch.Tensor], forms: Sequence[Form]) -> Iterator[torch.Tensor]:
    starts = dict.fromkeys(joined, 0)
    for shape, dtype in forms:
        size = torch.Size(shape).numel()
        yield joined[dtype][starts[dtype] : starts[dtype] + size].view(shape)
        starts[dtype] += size


@contextmanager
def _separate_random_state(device: torch.device) -> Iterator[None]:
    """Capture with a copy of the GPU's random state. The state of a failed capture stays in capture mode,
    and torch then raises an error at every later random number of the process."""
    index = torch.cuda.current_device() if device.index is None else device.index
    generator = torch.cuda.default_generators[index]
    own = generator.graphsafe_get_state()
    generator.graphsafe_set_state(own.clone_state())
    try:
        yield
    finally:
        generator.graphsafe_set_state(own)
