"""A call on the GPU, recorded once and replayed: one launch in the place of hundreds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch

from posedeploy.flatten import flat

WARM_UPS = 3
"""Calls before the recording, in which libraries choose their kernels and take their memory."""
Form: TypeAlias = tuple[tuple[int, ...], torch.dtype]
"""The shape and type of a tensor."""


class GraphedCall:
    """Calls a function of tensors of fixed shapes by replaying a CUDA graph of it.

    The graph begins with the copies of its inputs from pinned memory to the GPU, and ends with its outputs
    side by side in one block of memory for each type, so that one copy brings all of them back.

    Raises:
        RuntimeError: the function does something that a graph cannot hold, or the GPU's memory is full.
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
        given = [pinned.to(self._device, non_blocking=True) for pinned in self._pinned]
        outputs = flat(call(*given))
        self._forms: list[Form] = [(tuple(output.shape), output.dtype) for output in outputs]
        return {
            dtype: torch.cat([output.reshape(-1) for output in outputs if output.dtype == dtype])
            for dtype in dict.fromkeys(output.dtype for output in outputs)
        }

    def __call__(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Replay on host tensors; returns outputs in pinned memory of the caller's when the GPU is done."""
        for pinned, given in zip(self._pinned, tensors, strict=True):
            pinned.copy_(given)
        self._graph.replay()
        here = {
            dtype: torch.empty(joined.shape, dtype=dtype, pin_memory=True)
            for dtype, joined in self._joined.items()
        }
        for dtype, joined in self._joined.items():
            here[dtype].copy_(joined, non_blocking=True)
        torch.cuda.current_stream(self._device).synchronize()
        return list(_split(here, self._forms))


def _split(joined: dict[torch.dtype, torch.Tensor], forms: Sequence[Form]) -> Iterator[torch.Tensor]:
    starts = dict.fromkeys(joined, 0)
    for shape, dtype in forms:
        size = torch.Size(shape).numel()
        yield joined[dtype][starts[dtype] : starts[dtype] + size].view(shape)
        starts[dtype] += size


@contextmanager
def _separate_random_state(device: torch.device) -> Iterator[None]:
    """Record with a copy of the GPU's random state: that of a recording that fails stays as if recording, and
    torch then raises an error at any later random number of the process."""
    index = torch.cuda.current_device() if device.index is None else device.index
    generator = torch.cuda.default_generators[index]
    own = generator.graphsafe_get_state()
    generator.graphsafe_set_state(own.clone_state())
    try:
        yield
    finally:
        generator.graphsafe_set_state(own)
