"""Replay an ONNX Runtime session of fixed shapes as one CUDA graph on pinned memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from posedeploy.closable import Closable
from posedeploy.cuda import Cuda
from posedeploy.types import Array, Tensors, TensorSpec

OPTIONS = {"enable_cuda_graph": "1"}
"""Provider options besides the stream."""


class GraphedSession(Closable):
    """A session whose inputs and outputs stay at the same addresses on the GPU.

    ``make_session`` returns a session with the given provider options; its tensors must have fixed shapes.
    The constructor does the first run, in which ONNX Runtime captures the graph.

    Raises:
        DeviceError: there is no GPU, or its memory is full.
    """

    def __init__(
        self,
        make_session: Callable[[dict[str, str]], Any],
        describe: Callable[[Any], tuple[Sequence[TensorSpec], Sequence[TensorSpec]]],
        cuda: Callable[[], Cuda] = Cuda,
    ) -> None:
        with ExitStack() as on_error:
            self._cuda = on_error.enter_context(cuda())
            self.session = make_session({**OPTIONS, "user_compute_stream": str(self._cuda.stream)})
            inputs, outputs = describe(self.session)
            self._binding = self.session.io_binding()
            self._inputs = [(spec.name, *self._allocate(spec, self._binding.bind_input)) for spec in inputs]
            self._outputs = [
                (spec.name, *self._allocate(spec, self._binding.bind_output)) for spec in outputs
            ]
            self._replay()
            on_error.pop_all()

    def _allocate(self, spec: TensorSpec, bind: Callable[..., None]) -> tuple[Array, int]:
        """Return pinned memory in the shape of a tensor, and the GPU address that is bound to its name."""
        shape = [int(length) for length in spec.shape]
        dtype = np.dtype(spec.dtype)
        size = max(1, int(np.prod(shape)) * dtype.itemsize)
        address, pinned = self._cuda.allocate_on_device(size), self._cuda.allocate_pinned(size)
        pinned[:] = 0
        bind(spec.name, "cuda", 0, dtype, shape, address)
        return pinned[: int(np.prod(shape)) * dtype.itemsize].view(dtype).reshape(shape), address

    def run(self, tensors: Tensors) -> Tensors:
        """Run on inputs of the session's shapes and dtypes. The caller owns the results."""
        for name, pinned, _ in self._inputs:
            np.copyto(pinned, tensors[name])
        self._replay()
        return {name: pinned.copy() for name, pinned, _ in self._outputs}

    def _replay(self) -> None:
        for _, pinned, address in self._inputs:
            self._cuda.upload(address, pinned)
        self.session.run_with_iobinding(self._binding)
        for _, pinned, address in self._outputs:
            self._cuda.download(pinned, address)
        self._cuda.synchronize()

    def close(self) -> None:
        self._binding = self.session = None
        self._inputs, self._outputs = [], []
        self._cuda.close()
