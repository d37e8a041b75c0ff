"""Prepare a network for all converters: its export wrapper, spec and example inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from posedeploy.convert.export_options import ExportOptions, Outputs, ignore_progress
from posedeploy.convert.layer_choice import WriteChosen, write_all_quantized
from posedeploy.errors import ExportError, first_line
from posedeploy.flatten import flat
from posedeploy.reduced_precision import DTYPES, ReducedPrecision
from posedeploy.types import (
    DATA_DEPENDENT,
    Array,
    CalibrationSet,
    InputContract,
    Model,
    ModelSpec,
    OnProgress,
    TensorSpec,
)

if TYPE_CHECKING:
    import onnx

Graphs: TypeAlias = "dict[tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]], onnx.ModelProto]"
"""The ONNX models of one network in FP32, by the inputs and outputs of their specs."""


def no_calibration() -> CalibrationSet:
    """Raise an error: the export needs no calibration inputs."""
    raise AssertionError("the precision of the export needs no calibration")


@dataclass(frozen=True, eq=False)
class Prepared:
    """A network ready for a converter: the wrapper module, its spec, and an example of each input.

    axes: for each input, the names of dynamic axes by position; empty if every shape is fixed. options: of
    the export. on_progress: for converters that report progress. calibrate: returns the calibration inputs,
    collected at the first call, for converters that quantize. write_quantized: writes a quantized
    network: with the float layers that its budget requires, or without a budget with none of them. graphs:
    those exported before, for other targets and precisions.
    """

    module: nn.Module
    spec: ModelSpec
    example: tuple[Tensor, ...]
    axes: tuple[Mapping[int, str], ...] = field(default=())
    options: ExportOptions = field(default_factory=ExportOptions)
    on_progress: OnProgress = ignore_progress
    calibrate: Callable[[], CalibrationSet] = field(default=no_calibration)
    write_quantized: WriteChosen = field(default=write_all_quantized)
    graphs: Graphs = field(default_factory=dict)

    def with_module(self, module: nn.Module, graphs: Graphs) -> Prepared:
        """Return this with another network, such as the same one with trained weights, and its graphs."""
        return replace(self, module=module, graphs=graphs)

    @property
    def in_precision(self) -> nn.Module:
        """The module in the precision of the options, for targets that PyTorch writes."""
        precision = self.options.precision
        return ReducedPrecision(self.module, precision).eval() if precision in DTYPES else self.module


class ExportWrapper(nn.Module):
    """A network with embedded preprocessing, and with only the selected outputs, as a flat tuple.

    With a contract, the input is an image, and the preprocessing that the network lacks is added.
    """

    def __init__(self, network: nn.Module, contract: InputContract | None, keep: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.keep = keep
        self.embedded = contract is not None
        self.flip = False
        if contract is not None:
            self.flip = contract.color_order == "RGB" and "color" not in contract.embedded
            normalized = "normalization" in contract.embedded
            mean, std = ((0.0,), (1.0,)) if normalized else (contract.mean, contract.std)
            self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
            self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    mean: Tensor
    std: Tensor

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        if self.embedded:
            # Cast first: TensorRT accepts uint8 for no other operator.
            image = inputs[0].float().permute(0, 3, 1, 2)
            image = torch.cat([image.narrow(1, c, 1) for c in (2, 1, 0)], dim=1) if self.flip else image
            inputs = ((image - self.mean) / self.std,)
        outputs = flat(self.network(*inputs))
        return tuple(outputs[index] for index in self.keep)


def prepare(model: Model, options: ExportOptions, on_progress: OnProgress = ignore_progress) -> Prepared:
    """Prepare a network with these options.

    Raises:
        ExportError: the network does not support an option.
    """
    spec = model.spec
    lengths = _lengths(spec, options)
    if spec.contract is not None and options.input_size is not None:
        spec = replace(
            spec, contract=replace(spec.contract, height=lengths["height"], width=lengths["width"])
        )
    kept = _kept_outputs(spec, options.outputs)
    keep = tuple(index for index, output in enumerate(spec.outputs) if output.name in kept)
    contract = spec.contract if options.embed_preprocessing else None
    spec = (_embedded(spec) if options.embed_preprocessing else spec).with_outputs(kept)
    wrapper = ExportWrapper(model.export_form or model.module, contract, keep).eval()
    if options.dynamic:
        # torch.export specializes on a length of 1, and so do the reshape operators inside the network.
        example = _examples(spec, lengths | {"batch": 2})
        return Prepared(wrapper, spec, example, _dynamic_axes(spec), options, on_progress)
    example = _examples(spec, lengths)
    return Prepared(wrapper, _fixed(spec, lengths, wrapper, example), example, (), options, on_progress)


def _dynamic_axes(spec: ModelSpec) -> tuple[Mapping[int, str], ...]:
    """Return the names of the dynamic axes of each input, by position."""
    return tuple(
        {position: axis for position, axis in enumerate(tensor.shape) if isinstance(axis, str)}
        for tensor in spec.inputs
    )


def _fixed(
    spec: ModelSpec, lengths: Mapping[str, int], wrapper: ExportWrapper, example: tuple[Tensor, ...]
) -> ModelSpec:
    """Return the spec without dynamic axes; shapes that it does not determine are measured on the example."""
    inputs, outputs = (
        tuple(tensor.fixed(lengths) for tensor in side) for side in (spec.inputs, spec.outputs)
    )
    spec = replace(spec, inputs=inputs, outputs=outputs)
    if any(tensor.is_dynamic or not tensor.shape for tensor in outputs):
        spec = replace(spec, outputs=_measure_outputs(wrapper, example, spec))
    return spec


def network_does_not_run(inputs: Iterable[str], error: RuntimeError) -> ExportError:
    """Return the error for a network that PyTorch cannot run on these inputs."""
    return ExportError(f"the network does not run on {', '.join(inputs)}: {first_line(error)}")


def random_inputs(prepared: Prepared, shapes: Iterable[tuple[int, ...]], seed: int) -> list[Array]:
    """Return random inputs of these shapes: integers from 0 to 255 for integer inputs, else standard
    normal."""
    rng = np.random.RandomState(seed)
    return [
        rng.randint(0, 256, shape).astype(tensor.dtype)
        if np.issubdtype(np.dtype(tensor.dtype), np.integer)
        else rng.standard_normal(shape).astype(tensor.dtype)
        for shape, tensor in zip(shapes, prepared.spec.inputs, strict=True)
    ]


def _measure_outputs(
    wrapper: ExportWrapper, example: tuple[Tensor, ...], spec: ModelSpec
) -> tuple[TensorSpec, ...]:
    """Return the output specs with the shapes that this example produces."""
    try:
        with torch.inference_mode():
            results = wrapper(*example)
    except RuntimeError as error:
        raise network_does_not_run(map(str, spec.inputs), error) from error
    return tuple(
        replace(
            output,
            shape=tuple(
                DATA_DEPENDENT if axis == DATA_DEPENDENT else length
                for axis, length in zip(output.shape or result.shape, result.shape, strict=True)
            ),
        )
        for output, result in zip(spec.outputs, results, strict=True)
    )


def _lengths(spec: ModelSpec, options: ExportOptions) -> dict[str, int]:
    """Return the length of each dynamic axis in the example, and in the artifact unless ``dynamic``."""
    free = {axis for tensor in spec.inputs for axis in tensor.shape if isinstance(axis, str)}
    _check_options(spec, options, free)
    lengths = {"batch": options.batch}
    size = options.input_size
    if size is None and spec.contract is not None:
        size = spec.contract.height, spec.contract.width
    if size is not None:
        height, width = size
        what = f"`input_size={height}x{width}`"
        if options.input_size is None:
            what = f"height = {height} and width = {width} in the contract of the network"
        _check_size(what, height, width, spec.contract.multiple if spec.contract else 1)
        lengths |= {"height": height, "width": width}
    open_axes = sorted(free - lengths.keys())
    if open_axes:
        raise ExportError(
            f"the length of the axis {' and '.join(open_axes)} is unknown; pass `input_size=HxW` for height "
            "and width, and write a number into the input shape of the contract for any other axis"
        )
    return lengths


def _check_options(spec: ModelSpec, options: ExportOptions, free: set[str]) -> None:
    """Check that the options set dynamic axes only."""
    if options.batch < 1:
        raise ExportError(f"`batch={options.batch}`: expected at least 1")
    if options.dynamic and options.batch != 1:
        raise ExportError(
            f"`dynamic` and `batch={options.batch}`: a dynamic input accepts any batch size; pass only one "
            "of the two"
        )
    for option, is_set, needed in (
        ("`dynamic`", options.dynamic, free),
        (f"`batch={options.batch}`", options.batch != 1, free & {"batch"}),
        ("`input_size`", options.input_size is not None, free & {"height", "width"}),
    ):
        if is_set and not needed:
            shapes = ", ".join(map(str, spec.inputs))
            raise ExportError(
                f"{option}: the input shape of this network is fixed ({shapes}); leave the option out"
            )


def _check_size(what: str, height: int, width: int, multiple: int) -> None:
    if height > 0 and width > 0 and height % multiple == 0 and width % multiple == 0:
        return
    nearest = "x".join(str(max(multiple, round(length / multiple) * multiple)) for length in (height, width))
    raise ExportError(f"{what}: height and width must be multiples of {multiple}; the nearest is {nearest}")


def _kept_outputs(spec: ModelSpec, outputs: Outputs) -> tuple[str, ...]:
    if outputs == "all":
        return tuple(output.name for output in spec.outputs)
    if not spec.roles:
        raise ExportError(
            "`outputs=last`: the contract of this network has no roles, which name the outputs to keep; add "
            "them, or leave the option out"
        )
    return tuple(spec.roles.values())


def _embedded(spec: ModelSpec) -> ModelSpec:
    image_like = len(spec.inputs) == 1 and len(spec.inputs[0].shape) == 4 and spec.inputs[0].layout != "NHWC"
    if spec.contract is None or not image_like:
        raise ExportError(
            "`embed_preprocessing`: the input of this network is not one NCHW image with a known mean and "
            f"std ({', '.join(map(str, spec.inputs))}); leave the option out"
        )
    batch, _, height, width = spec.inputs[0].shape
    image = TensorSpec(spec.inputs[0].name, (batch, height, width, 3), "uint8", "NHWC")
    return replace(
        spec, inputs=(image,), contract=replace(spec.contract, embedded=("color", "normalization"))
    )


def _examples(spec: ModelSpec, lengths: Mapping[str, int]) -> tuple[Tensor, ...]:
    """Return zeros for each input, with these lengths of its dynamic axes."""
    return tuple(_example(tensor.fixed(lengths)) for tensor in spec.inputs)


def _example(tensor: TensorSpec) -> Tensor:
    lengths = [int(length) for length in tensor.shape]
    try:
        return torch.zeros(lengths, dtype=getattr(torch, tensor.dtype))
    except RuntimeError as error:
        raise ExportError(
            f"an input of {tensor} does not fit into memory; use a smaller `input_size` or `batch`"
        ) from error
