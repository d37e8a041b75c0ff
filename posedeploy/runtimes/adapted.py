"""A runner whose tensors are as decoding needs them: real numbers, channels first."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np

from posedeploy.errors import InputError
from posedeploy.quantization import INTEGERS, dequantize, quantize
from posedeploy.runtimes.base import Runner
from posedeploy.types import TO_CHANNELS_FIRST, Array, ModelSpec, Ranges, Tensors, TensorSpec


def adapt_runner(runner: Runner, spec: ModelSpec) -> Runner:
    """The runner itself where it gives what decoding needs, else one around it that converts.

    It gives maps with channels first and the real numbers behind integers, and it takes real numbers for a
    quantized input beside its integers. Its owner still closes the runner.

    Raises:
        InputError: poses are decoded from an output of integers whose scale nothing gives.
    """
    for tensor in spec.outputs:
        if tensor.dtype in INTEGERS and tensor.quantization is None and tensor.name in spec.roles.values():
            raise InputError(
                f"the output {tensor} holds integers whose scale and zero point are unknown; write both "
                "under [outputs] in a `contract` file"
            )
    if any(_converts(tensor) for tensor in (*spec.inputs, *spec.outputs)):
        return AdaptedRunner(runner, spec)
    return runner


def _converts(tensor: TensorSpec) -> bool:
    return tensor.quantization is not None or _turns(tensor)


def _turns(tensor: TensorSpec) -> bool:
    return tensor.layout == "NHWC" and len(tensor.shape) == 4


class AdaptedRunner(Runner):
    """Converts what another runner takes and gives, by the spec of its network."""

    def __init__(self, runner: Runner, spec: ModelSpec) -> None:
        self._runner = runner
        self._quantized = {tensor.name: tensor for tensor in spec.inputs if tensor.quantization}
        self._converted = {tensor.name: tensor for tensor in spec.outputs if _converts(tensor)}
        self.inputs = runner.inputs
        self.outputs = tuple(_plain(self._converted.get(tensor.name, tensor)) for tensor in runner.outputs)
        self.runtime_info = runner.runtime_info

    @property
    def ranges(self) -> Ranges:
        return self._runner.ranges

    def check(self, tensors: Tensors) -> None:
        """Leave the inputs to the runner within, which gets them converted."""

    def _run(self, tensors: Tensors) -> Tensors:
        return self._leaving(self._runner.run(self._entering(tensors)))

    def _stream(self, batches: Iterator[Tensors]) -> Generator[Tensors, None, None]:
        with closing(self._runner.stream(map(self._entering, batches))) as results:
            for outputs in results:
                yield self._leaving(outputs)

    def _close(self) -> None:
        self._runner.close()

    def _survives_fork(self) -> bool:
        return self._runner._survives_fork()

    def _entering(self, tensors: Tensors) -> Tensors:
        return {
            name: quantize(array, self._quantized[name])
            if name in self._quantized and np.issubdtype(array.dtype, np.floating)
            else array
            for name, array in tensors.items()
        }

    def _leaving(self, outputs: Tensors) -> Tensors:
        return {
            name: _converted(array, self._converted[name]) if name in self._converted else array
            for name, array in outputs.items()
        }


def _converted(array: Array, tensor: TensorSpec) -> Array:
    if _turns(tensor):
        array = np.ascontiguousarray(array.transpose(TO_CHANNELS_FIRST))
    return dequantize(array, tensor.quantization) if tensor.quantization is not None else array


def _plain(tensor: TensorSpec) -> TensorSpec:
    """The spec of a tensor once it is converted."""
    if _turns(tensor):
        shape = tuple(tensor.shape[axis] for axis in TO_CHANNELS_FIRST)
        tensor = replace(tensor, shape=shape, layout="NCHW")
    return replace(tensor, dtype="float32", quantization=None) if tensor.quantization else tensor
