"""PyTorch itself, eager: the reference that every other runtime is held against."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from posedeploy.errors import DeviceError
from posedeploy.nesting import flat
from posedeploy.runtimes import tf32
from posedeploy.runtimes.base import Runner, threads_asked
from posedeploy.types import Array, Effective, Model, RunOptions, Tensors, TensorSpec


class PyTorchRunner(Runner):
    """Runs a model's module as it is."""

    def __init__(self, model: Model, options: RunOptions) -> None:
        self.inputs, self.outputs = model.spec.inputs, model.spec.outputs
        device, self.effective = settle("pytorch", options)
        module = model.module if device.type == "cpu" else copy.deepcopy(model.module).to(device)
        self._call = caller(module, device, self.outputs)

    def run(self, tensors: Tensors) -> Tensors:
        self.check(tensors)
        return self._call([tensors[spec.name] for spec in self.inputs])


def caller(
    module: Callable[..., Any], device: torch.device, outputs: tuple[TensorSpec, ...]
) -> Callable[[list[Any]], Tensors]:
    """A function from the input arrays, in order, to the outputs by name, for anything that torch calls."""
    names = [spec.name for spec in outputs]

    def call(arrays: list[Any]) -> Tensors:
        with torch.inference_mode():
            results = _here(flat(module(*(_there(array, device) for array in arrays))), device)
            return {name: result.numpy() for name, result in zip(names, results, strict=True)}

    return call


def _there(array: Array, device: torch.device) -> torch.Tensor:
    """The array on the device; torch takes neither negative strides nor what may not be written to.

    From pinned memory, so that the copy is queued before the network's own work and not waited for.
    """
    tensor = torch.from_numpy(np.require(array, requirements=("C", "W")))
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def _here(results: tuple[torch.Tensor, ...], device: torch.device) -> list[torch.Tensor]:
    """Copies on the CPU, since a network may hand back its own input or a weight, and what a runner returns
    is to keep. From a GPU all are queued, and waited for once."""
    if device.type == "cpu":
        return [result.to("cpu", copy=True) for result in results]
    copies = [torch.empty(result.shape, dtype=result.dtype, pin_memory=True) for result in results]
    for here, result in zip(copies, results, strict=True):
        here.copy_(result, non_blocking=True)
    torch.cuda.current_stream(device).synchronize()
    return copies


def settle(runtime: str, options: RunOptions) -> tuple[torch.device, Effective]:
    """Set the device and threads asked for, and read back what torch will use.

    Torch has one thread count for the whole process.

    Raises:
        DeviceError: torch does not offer the device, the precision or the thread count.
    """
    if options.precision not in ("fp32", "auto"):
        raise DeviceError(f"precision {options.precision}: {runtime} runs a float32 network in fp32 only")
    if options.device not in ("CPU", "cuda"):
        raise DeviceError(f"device {options.device!r}: {runtime} runs on CPU or cuda")
    threads = threads_asked(options, runtime)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"device cuda: this torch {torch.__version__} finds no CUDA device; use --device CPU, or install "
            "a CUDA build of torch and a driver"
        )
    device = torch.device(options.device.lower())
    if threads is not None:
        torch.set_num_threads(threads)
        if torch.get_num_threads() != threads:
            raise DeviceError(f"{threads} threads were asked for and torch uses {torch.get_num_threads()}")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    precision = tf32.settle(options) if device.type == "cuda" else "fp32"
    return device, Effective(runtime, str(torch.__version__), name, precision, threads)
