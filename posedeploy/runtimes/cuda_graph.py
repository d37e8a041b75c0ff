"""A call on the GPU, recorded once and replayed: one launch in the place of hundreds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from posedeploy.nesting import flat
from posedeploy.types import TensorSpec

WARM_UPS = 3
"""Calls before the recording, in which libraries choose their kernels and take their memory."""


class GraphedCall:
    """Calls a function of tensors of fixed shapes by replaying a CUDA graph of it.

    The graph begins with the copies of its inputs from pinned memory to the GPU, and its outputs are
    contiguous. The tensors that it returns are its own: the next call writes over them.
    """

    def __init__(
        self, call: Callable[..., Any], inputs: tuple[TensorSpec, ...], device: torch.device
    ) -> None:
        self._device = device
        self._pinned = [
            torch.zeros(
                [int(length) for length in spec.shape], dtype=getattr(torch, spec.dtype), pin_memory=True
            )
            for spec in inputs
        ]
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(side):
                for _ in range(WARM_UPS):
                    self._queue(call)
            torch.cuda.current_stream(device).wait_stream(side)
            with torch.cuda.graph(self._graph):
                self._outputs = self._queue(call)

    def _queue(self, call: Callable[..., Any]) -> list[torch.Tensor]:
        given = [pinned.to(self._device, non_blocking=True) for pinned in self._pinned]
        return [output.contiguous() for output in flat(call(*given))]

    def __call__(self, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Replay on these host tensors; returns when the work is queued.

        The caller waits for the stream before the next call, which writes to the pinned inputs.
        """
        for pinned, given in zip(self._pinned, tensors, strict=True):
            pinned.copy_(given)
        self._graph.replay()
        return self._outputs
