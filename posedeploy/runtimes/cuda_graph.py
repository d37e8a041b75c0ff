"""A call on the GPU, recorded once and replayed: one launch in the place of hundreds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from posedeploy.nesting import flat
from posedeploy.types import TensorSpec

WARM_UPS = 3
"""Calls before the recording, in which libraries choose their kernels and take their memory."""


class GraphedCall:
    """Calls a function of tensors of fixed shapes by replaying a CUDA graph of it.

    The tensors that it returns are its own: the next call writes over them.
    """

    def __init__(
        self, call: Callable[..., Any], inputs: tuple[TensorSpec, ...], device: torch.device
    ) -> None:
        self._inputs = tuple(
            torch.zeros(
                [int(length) for length in spec.shape], dtype=getattr(torch, spec.dtype), device=device
            )
            for spec in inputs
        )
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode():
            aside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(aside):
                for _ in range(WARM_UPS):
                    call(*self._inputs)
            torch.cuda.current_stream(device).wait_stream(aside)
            with torch.cuda.graph(self._graph):
                self._outputs = flat(call(*self._inputs))

    def __call__(self, *tensors: torch.Tensor) -> list[torch.Tensor]:
        for own, given in zip(self._inputs, tensors, strict=True):
            own.copy_(given, non_blocking=True)
        self._graph.replay()
        return list(self._outputs)
