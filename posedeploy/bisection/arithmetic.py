"""Run the operations of a traced network with the rounding errors of a precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from posedeploy.reduced_precision import DTYPES
from posedeploy.runtimes import tf32
from posedeploy.types import RunOptions

LAYERS = frozenset(
    {
        "conv1d", "conv2d", "conv3d", "convolution", "conv_transpose1d", "conv_transpose2d",
        "conv_transpose3d", "linear", "addmm", "mm", "bmm", "matmul", "baddbmm",
        "scaled_dot_product_attention",
    }
)  # fmt: skip
"""The operators that multiply by weights or by another result. Runtimes reduce their precision."""
INT8_LEVELS = 255
CPU = torch.device("cpu")


class Arithmetic(Protocol):
    """A way to compute the operations of a network."""

    def __call__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Return the result of an operation."""


def run_in_fp32(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return the result of PyTorch."""
    return function(*args, **kwargs)


class NoisyFp32:
    """FP32, with all operands of every operation one rounding step up or down, at random."""

    def __init__(self, execute: Arithmetic) -> None:
        self._execute = execute
        self._random = torch.Generator().manual_seed(0)

    def __call__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Return the result for the changed operands."""
        return self._execute(function, tree_map(self._change, args), kwargs)

    def _change(self, value: Any) -> Any:
        if not _is_float(value):
            return value
        signs = torch.randint(0, 2, value.shape, generator=self._random, dtype=torch.int8)
        return value * (1 + (2 * signs - 1) * torch.finfo(value.dtype).eps)


class Rounded:
    """FP32 sums, with the operands of layers and all results rounded to FP16 or BF16."""

    def __init__(self, dtype: torch.dtype, execute: Arithmetic) -> None:
        self._dtype, self._execute = dtype, execute

    def __call__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Return the rounded result."""
        if operator_name(function) in LAYERS:
            args = tree_map(self._round, args)
        return tree_map(self._round, self._execute(function, args, kwargs))

    def _round(self, value: Any) -> Any:
        return value.to(self._dtype).to(value.dtype) if _is_float(value) else value


class Int8:
    """FP32, with the operands of layers rounded to 255 levels: one range for activations, and one for each
    output channel of weights."""

    def __init__(self, execute: Arithmetic) -> None:
        self._execute = execute

    def __call__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Return the result for rounded operands."""
        if operator_name(function) in LAYERS and len(args) > 1:
            args = (_round_activations(args[0]), _round_weights(args[1]), *args[2:])
        return self._execute(function, args, kwargs)


class OnDevice:
    """FP32 on a device of torch; operands come from the CPU, and results are returned to it."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)

    def __call__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Return the result of the device's kernels."""
        args, kwargs = tree_map(lambda value: _move(value, self._device), (args, kwargs))
        return tree_map(lambda value: _move(value, CPU), function(*args, **kwargs))


def choose_execution(device: str) -> tuple[Arithmetic, str]:
    """Return what computes the operations for the noise floor of a device, and its name in torch.

    It is the CPU for a device that torch does not support on this machine. TF32 is forbidden for the process.
    """
    if device != "cuda" or not torch.cuda.is_available():
        return run_in_fp32, "cpu"
    tf32.configure(RunOptions(device, "fp32"))
    return OnDevice(device), device


def arithmetic_of(precision: str, execute: Arithmetic = run_in_fp32) -> Arithmetic:
    """Return the arithmetic with the rounding errors of a precision of torch, or of INT8.

    Args:
        execute: computes an operation in FP32, on the CPU by default.
    """
    if precision == "int8":
        return Int8(execute)
    reduced = "fp16" if precision == "tf32" else precision
    return Rounded(DTYPES[reduced], execute) if reduced in DTYPES else NoisyFp32(execute)


def operator_name(function: Any) -> str:
    """Return the name of an operator without its namespace and overload, such as ``conv2d``."""
    name = getattr(function, "__name__", str(function))
    return str(name).partition(".")[0].removeprefix("_native_").removesuffix("_legit_no_training")


def _move(value: Any, device: torch.device) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value


def _is_float(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _round_activations(tensor: Tensor) -> Tensor:
    low, high = tensor.amin().clamp(max=0), tensor.amax().clamp(min=0)
    step = (high - low).clamp(min=torch.finfo(tensor.dtype).tiny) / INT8_LEVELS
    return ((tensor - low) / step).round() * step + low


def _round_weights(tensor: Tensor) -> Tensor:
    if tensor.dim() < 2:
        return _round_activations(tensor)
    peaks = tensor.abs().flatten(1).amax(dim=1).clamp(min=torch.finfo(tensor.dtype).tiny)
    step = (2 * peaks / INT8_LEVELS).reshape(-1, *[1] * (tensor.dim() - 1))
    return (tensor / step).round() * step
