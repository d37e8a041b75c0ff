"""Run a network's convolutions and linear layers in FP16 or BF16 and everything sensitive in FP32.

This is like ``torch.autocast`` on a GPU, but independent of the device, so that a network can be traced on a
CPU for a GPU, and with the weights cast once. Operations that lose accuracy in FP16 stay in FP32: exponents,
softmaxes, normalizations, sums, and all operations on their results until the next layer with weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from posedeploy.flatten import flat

DTYPES: Mapping[str, torch.dtype] = {"fp16": torch.float16, "bf16": torch.bfloat16}
"""The dtypes that a network can be cast to, by the name of the precision."""
WITH_WEIGHTS = (
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear,
)  # fmt: skip
"""Modules whose weights are cast; no subclasses, since they may use their weights differently."""
LAYERS: frozenset[Callable[..., Any]] = frozenset(
    (
        functional.conv1d, functional.conv2d, functional.conv3d, functional.conv_transpose1d,
        functional.conv_transpose2d, functional.conv_transpose3d, functional.linear,
    )
)  # fmt: skip
"""Functions that always compute in the reduced precision."""
SENSITIVE: frozenset[Callable[..., Any]] = frozenset(
    (
        torch.exp, Tensor.exp, torch.log, Tensor.log, torch.softmax, Tensor.softmax, functional.softmax,
        torch.log_softmax, Tensor.log_softmax, functional.log_softmax, torch.logsumexp, Tensor.logsumexp,
        torch.sum, Tensor.sum, torch.mean, Tensor.mean, torch.cumsum, Tensor.cumsum, torch.prod, Tensor.prod,
        torch.var, Tensor.var, torch.std, Tensor.std, torch.norm, Tensor.norm, functional.normalize,
        torch.pow, Tensor.pow, Tensor.__pow__, torch.square, Tensor.square, functional.softplus,
        torch.rsqrt, Tensor.rsqrt, torch.reciprocal, Tensor.reciprocal,
        functional.layer_norm, functional.group_norm, functional.instance_norm, functional.rms_norm,
        functional.scaled_dot_product_attention, functional.multi_head_attention_forward, torch.cdist,
        functional.grid_sample, functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d,
        torch.svd, Tensor.svd, torch.inverse, Tensor.inverse, torch.pinverse, Tensor.pinverse, torch.det,
        Tensor.det, torch.logdet, Tensor.logdet, torch.slogdet, Tensor.slogdet, torch.qr, Tensor.qr,
        torch.cholesky, Tensor.cholesky,
        *(value for name, value in vars(torch.linalg).items() if callable(value) and name not in
          ("cross", "diagonal", "matmul", "multi_dot", "vecdot")),
    )
)  # fmt: skip
"""Functions that always compute in FP32. PyTorch has most of linear algebra only in FP32."""
PRODUCTS: frozenset[Callable[..., Any]] = frozenset(
    (
        torch.matmul, Tensor.matmul, Tensor.__matmul__, Tensor.__rmatmul__, torch.mm, Tensor.mm, torch.bmm,
        Tensor.bmm, torch.addmm, Tensor.addmm, torch.baddbmm, Tensor.baddbmm, torch.einsum,
    )
)  # fmt: skip
"""Products of matrices, whose operands have the precision of the operations before them."""
MULTIPLICATIONS = frozenset((torch.mul, torch.multiply, Tensor.mul, Tensor.multiply, Tensor.__mul__))
"""Functions that compute a square in FP32 if both factors are the same tensor."""
NORMS = frozenset((functional.batch_norm, torch.batch_norm))
"""Functions that accept a reduced input with FP32 statistics."""


class ReducedPrecision(nn.Module):
    """A copy of a network that computes in a reduced precision, with FP32 inputs and outputs.

    channels_last: store the weights of convolutions in that memory format, which is faster on a GPU once
    BatchNorm is folded into them, as exports do. emulated: round the inputs, weights and outputs of layers
    and compute in FP32. The results equal the reduced precision except for the order of sums. PyTorch's FP16
    kernels are much slower on processors without FP16 arithmetic. everywhere: also cast the inputs, and
    parameters and buffers that other operations combine with results in the reduced precision, as in a graph
    whose constants are all cast.
    """

    def __init__(
        self,
        network: nn.Module,
        precision: str,
        *,
        channels_last: bool = True,
        emulated: bool = False,
        everywhere: bool = False,
    ) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)
        self.dtype = DTYPES[precision]
        self.emulated = emulated
        self.everywhere = everywhere
        for module in self.network.modules():
            if type(module) in WITH_WEIGHTS and not emulated:
                module.to(self.dtype)
            if isinstance(module, nn.RNNBase | nn.RNNCellBase):
                module.register_forward_pre_hook(self._cast_to_weights, with_kwargs=True)
        if channels_last:
            to_channels_last(self.network)

    def _cast_to_weights(self, module: nn.Module, args: Any, kwargs: Any) -> Any:
        """Cast the inputs of a recurrent layer to FP32, the precision of its weights."""
        return _cast((args, kwargs), self.dtype, torch.float32)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        if self.everywhere:
            inputs = _cast(inputs, torch.float32, self.dtype)
        constants = [*self.network.parameters(), *self.network.buffers()] if self.everywhere else []
        with _Casting(self.dtype, self.emulated, constants):
            outputs = flat(self.network(*inputs))
        return tuple(output.float() if output.dtype == self.dtype else output for output in outputs)


def to_channels_last(network: nn.Module) -> None:
    """Lay out the weights of 2D convolutions channels-last, in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class _Casting(TorchFunctionMode):
    """A mode that casts the arguments of torch functions by the tables above."""

    def __init__(self, dtype: torch.dtype, emulated: bool, constants: Iterable[Tensor]) -> None:
        """
        Args:
            constants: parameters and buffers that are cast where an operation combines them, or results of
                operations on them alone, with tensors in the reduced precision.
        """
        super().__init__()
        self.dtype = dtype
        self.emulated = emulated
        self.constants = {id(tensor): tensor for tensor in constants}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if not self.constants:
            return self._compute(func, args, kwargs)
        tensors = list(_tensors((args, kwargs)))
        if any(tensor.dtype == self.dtype for tensor in tensors) and func not in SENSITIVE:
            args, kwargs = self._cast_constants((args, kwargs))
        result = self._compute(func, args, kwargs)
        if tensors and all(id(tensor) in self.constants for tensor in tensors):
            self.constants |= {id(tensor): tensor for tensor in _tensors(result)}
        return result

    def _compute(self, func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self.emulated and self._is_layer(func, (args, kwargs)):
            rounded = _cast(_cast((args, kwargs), torch.float32, self.dtype), self.dtype, torch.float32)
            return func(*rounded[0], **rounded[1]).to(self.dtype)
        if func in LAYERS:
            return self._call(func, args, kwargs, torch.float32, self.dtype)
        if func is functional.prelu or func is torch.prelu:  # the slope must have the dtype of the input
            return func(args[0], *_cast(args[1:], torch.float32, args[0].dtype), **kwargs)
        is_sensitive = func in SENSITIVE or _is_square(func, args)
        if is_sensitive or (self._is_mixed((args, kwargs)) and not _keeps_mixed(func)):
            return self._call(func, args, kwargs, self.dtype, torch.float32)
        return func(*args, **kwargs)

    def _cast_constants(self, values: Any) -> Any:
        """Return nested containers with every constant in the reduced precision."""

        def cast(tensor: Tensor) -> Tensor:
            is_cast = tensor.is_floating_point() and id(tensor) in self.constants
            return tensor.to(self.dtype) if is_cast else tensor

        return _map(cast, values)

    @staticmethod
    def _call(
        func: Callable[..., Any], args: Any, kwargs: Any, origin: torch.dtype, dtype: torch.dtype
    ) -> Any:
        return func(*_cast(args, origin, dtype), **_cast(kwargs, origin, dtype))

    def _is_layer(self, func: Callable[..., Any], values: object) -> bool:
        """Return whether a function computes in the reduced precision: a layer, or with constants that are
        cast also a product of tensors in it."""
        if not self.constants or func not in PRODUCTS:
            return func in LAYERS
        return all(tensor.dtype == self.dtype for tensor in _tensors(values))

    def _is_mixed(self, values: object) -> bool:
        dtypes = {tensor.dtype for tensor in _tensors(values)}
        return self.dtype in dtypes and torch.float32 in dtypes


def _is_square(func: Callable[..., Any], args: Any) -> bool:
    return func in MULTIPLICATIONS and len(args) == 2 and args[0] is args[1]


def _keeps_mixed(func: Callable[..., Any]) -> bool:
    """Return whether a function accepts mixed precisions: normalizations, functions that write into an
    argument, and attribute accesses."""
    name = getattr(func, "__name__", "")
    in_place = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i")
    return func in NORMS or in_place or name in ("__get__", "__set__", "__setitem__")


def _tensors(values: object) -> Iterable[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, tuple | list):
        for value in values:
            yield from _tensors(value)
    elif isinstance(values, dict):
        yield from _tensors(tuple(values.values()))


def _cast(values: Any, origin: torch.dtype, target: torch.dtype) -> Any:
    """Return nested containers with every tensor of dtype ``origin`` cast to ``target``."""
    return _map(lambda tensor: tensor.to(target) if tensor.dtype == origin else tensor, values)


def _map(change: Callable[[Tensor], Tensor], values: Any) -> Any:
    """Return nested containers with the result of ``change`` for every tensor."""
    if isinstance(values, Tensor):
        return change(values)
    if isinstance(values, tuple) and hasattr(values, "_fields"):  # a named tuple
        return type(values)(*(_map(change, value) for value in values))
    if isinstance(values, tuple | list):
        return type(values)(_map(change, value) for value in values)
    if isinstance(values, dict):
        return {key: _map(change, value) for key, value in values.items()}
    return values
