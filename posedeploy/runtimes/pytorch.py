"""PyTorch in eager mode: the reference of every comparison."""

from __future__ import annotations

import copy

import torch
from torch import nn

from posedeploy.errors import DeviceError
from posedeploy.reduced_precision import DTYPES, ReducedPrecision
from posedeploy.runtimes import tf32
from posedeploy.runtimes.run_options import resolve_threads
from posedeploy.runtimes.torch_runner import TorchRunner
from posedeploy.types import Model, RunOptions, RuntimeInfo


class PyTorchRunner(TorchRunner):
    """A runner of the module of a model: unchanged on the CPU, in any precision on a GPU."""

    def __init__(self, model: Model, options: RunOptions) -> None:
        self.inputs, self.outputs = model.spec.inputs, model.spec.outputs
        reduced = options.precision if options.device == "cuda" and options.precision in DTYPES else None
        device, self.runtime_info = configure("pytorch", options, reduced)
        self._open(_on_device(model.module, device, reduced), device, options)


def _on_device(module: nn.Module, device: torch.device, reduced: str | None) -> nn.Module:
    """Return the module on its device; on a GPU, a copy of it.

    Convolutions stay channels-first: before export, BatchNorm is not folded into them, and channels-last then
    took up to twice the time in TF32 and FP16.
    """
    if device.type == "cpu":
        return module
    if reduced is not None:
        return ReducedPrecision(module, reduced, channels_last=False).to(device).eval()
    return copy.deepcopy(module).to(device)


def configure(
    runtime: str, options: RunOptions, reduced: str | None = None
) -> tuple[torch.device, RuntimeInfo]:
    """Set the device, precision and threads of the options, and read back what torch will use.

    The setting of TF32 is global to the process. So is the thread count, but each run sets its own.

    Args:
        reduced: the reduced precision of the network; None for FP32 and TF32.

    Raises:
        DeviceError: torch does not support the device, the precision or the thread count.
    """
    if options.device not in ("cpu", "cuda"):
        raise DeviceError(f"`device={options.device}`: {runtime} runs on cpu or cuda")
    tf32_if_supported = ("tf32",) if options.device == "cuda" else ()
    if options.precision not in (None, "fp32", "auto", reduced, *tf32_if_supported):
        raise DeviceError(
            f"`precision={options.precision}`: {runtime} runs this network in fp32 on {options.device}; "
            f"{_remedy(runtime, options)}"
        )
    threads = resolve_threads(options, runtime)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            f"`device=cuda`: torch {torch.__version__} finds no CUDA device; use `device=cpu`, or install a "
            "CUDA build of torch and a driver"
        )
    device = torch.device(options.device)
    if threads is not None:
        torch.set_num_threads(threads)
        if torch.get_num_threads() != threads:
            raise DeviceError(f"`threads={threads}`: torch uses {torch.get_num_threads()} threads instead")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    precision: str = tf32.configure(options) if device.type == "cuda" else "fp32"
    return device, RuntimeInfo(runtime, str(torch.__version__), name, reduced or precision, threads)


def _remedy(runtime: str, options: RunOptions) -> str:
    if options.precision == "tf32":
        return "TF32 needs a GPU; use `device=cuda`, or `precision=fp32`"
    if runtime == "pytorch":
        return "use `device=cuda`, or `precision=fp32`"
    return f"export it with `precision={options.precision}`, or use `precision=fp32`"
