"""Convert the tensors of a runner to what decoding needs: real numbers, channels first."""

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
    """Return a runner with the tensors that decoding needs: ``runner`` itself, or one that converts.

    Its maps are channels first and its outputs dequantized. A quantized input accepts real numbers and
    integers. The caller must still close ``runner``.

    Raises:
        InputError: an integer output with a role has no scale.
    """
    for tensor in spec.outputs:
        if tensor.dtype in INTEGERS and tensor.quantization is None and tensor.name in spec.roles.values():
            raise InputError(
                f"the output {tensor} holds integers whose scale and zero point are unknown; write both "
                "under [outputs] in a `contract` file"
            )
    if any(_needs_conversion(tensor) for tensor in (*spec.inputs, *spec.outputs)):
        return AdaptedRunner(runner, spec)
    return runner


def _needs_conversion(tensor: TensorSpec) -> bool:
    return tensor.quantization is not None or is_channels_last(tensor)


def is_channels_last(tensor: TensorSpec) -> bool:
    """Return whether a tensor is an image or a map with channels last."""
    return tensor.layout == "NHWC" and len(tensor.shape) == 4


class AdaptedRunner(Runner):
    """A runner that converts the inputs and outputs of another runner by the spec of the network."""

    def __init__(self, runner: Runner, spec: ModelSpec) -> None:
        self._runner = runner
        self._quantized = {tensor.name: tensor for tensor in spec.inputs if tensor.quantization}
        self._converted = {tensor.name: tensor for tensor in spec.outputs if _needs_conversion(tensor)}
        self.inputs = runner.inputs
        self.outputs = tuple(
            adapt_tensor(self._converted.get(tensor.name, tensor)) for tensor in runner.outputs
        )
        self.runtime_info = runner.runtime_info

    @property
    def ranges(self) -> Ranges:
        return self._runner.ranges

    def check(self, tensors: Tensors) -> None:
        """Do nothing: the inner runner checks the converted inputs."""

    def _run(self, tensors: Tensors) -> Tensors:
        return self._convert_outputs(self._runner.run(self._convert_inputs(tensors)))

    def _stream(self, batches: Iterator[Tensors]) -> Generator[Tensors, None, None]:
        with closing(self._runner.stream(map(self._convert_inputs, batches))) as results:
            for outputs in results:
                yield self._convert_outputs(outputs)

    def _close(self) -> None:
        self._runner.close()

    def _survives_fork(self) -> bool:
        return self._runner._survives_fork()

    def _convert_inputs(self, tensors: Tensors) -> Tensors:
        return {
            name: quantize(array, self._quantized[name])
            if name in self._quantized and np.issubdtype(array.dtype, np.floating)
            else array
            for name, array in tensors.items()
        }

    def _convert_outputs(self, outputs: Tensors) -> Tensors:
        return {
            name: _convert(array, self._converted[name]) if name in self._converted else array
            for name, array in outputs.items()
        }


def _convert(array: Array, tensor: TensorSpec) -> Array:
    if is_channels_last(tensor):
        array = np.ascontiguousarray(array.transpose(TO_CHANNELS_FIRST))
    return dequantize(array, tensor.quantization) if tensor.quantization is not None else array


def adapt_tensor(tensor: TensorSpec) -> TensorSpec:
    """Return the spec of an output as decoding gets it: channels first and dequantized."""
    if is_channels_last(tensor):
        shape = tuple(tensor.shape[axis] for axis in TO_CHANNELS_FIRST)
        tensor = replace(tensor, shape=shape, layout="NCHW")
    return replace(tensor, dtype="float32", quantization=None) if tensor.quantization else tensor
