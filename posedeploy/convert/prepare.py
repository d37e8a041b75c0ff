"""What is the same for every target: the network as it is to be deployed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from posedeploy.convert.export_options import ExportOptions, Outputs, ignore
from posedeploy.errors import ExportError, first_line
from posedeploy.flatten import flat
from posedeploy.reduced_precision import DTYPES, ReducedPrecision
from posedeploy.types import Array, InputContract, Model, ModelSpec, OnProgress, TensorSpec


@dataclass(frozen=True, eq=False)
class Prepared:
    """A network ready for a converter: the module as deployed, its spec, and an example of each input.

    ``axes`` holds the free axes by position, per input; empty where every shape is fixed. ``options``:
    those that it was prepared with, for what a single target asks. ``on_progress``: for a converter that
    knows how far it is.
    """

    module: nn.Module
    spec: ModelSpec
    example: tuple[Tensor, ...]
    axes: tuple[Mapping[int, str], ...] = field(default=())
    options: ExportOptions = field(default_factory=ExportOptions)
    on_progress: OnProgress = ignore

    @property
    def in_precision(self) -> nn.Module:
        """The module in the precision of the options, for targets that PyTorch itself writes."""
        precision = self.options.precision
        return ReducedPrecision(self.module, precision).eval() if precision in DTYPES else self.module


class Deployed(nn.Module):
    """A network with the image's arithmetic before it and only the wanted outputs after it, as a flat tuple.

    With a contract, the input is an image, and the steps that the network does not yet hold inside are added.
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
            # A cast first of all: TensorRT takes bytes for nothing else.
            image = inputs[0].float().permute(0, 3, 1, 2)
            image = torch.cat([image.narrow(1, c, 1) for c in (2, 1, 0)], dim=1) if self.flip else image
            inputs = ((image - self.mean) / self.std,)
        outputs = flat(self.network(*inputs))
        return tuple(outputs[index] for index in self.keep)


def prepare(model: Model, options: ExportOptions, on_progress: OnProgress = ignore) -> Prepared:
    """The network as the options want it deployed.

    Raises:
        ExportError: the network does not allow what is asked.
    """
    spec = model.spec
    lengths = _lengths(spec, options)
    if spec.contract is not None and options.input_size is not None:
        spec = replace(
            spec, contract=replace(spec.contract, height=lengths["height"], width=lengths["width"])
        )
    kept = _kept(spec, options.outputs)
    keep = tuple(index for index, output in enumerate(spec.outputs) if output.name in kept)
    contract = spec.contract if options.embed_preprocessing else None
    if options.embed_preprocessing:
        spec = _embedded(spec)
    deployed = Deployed(model.deployed or model.module, contract, keep).eval()
    # The exporter takes a length of 1 for a fixed one, and so would every reshaping inside the network.
    shown = lengths | {"batch": 2} if options.dynamic else lengths
    example = tuple(_example(tensor.fixed(shown)) for tensor in spec.inputs)
    spec = spec.with_outputs(kept)
    axes: tuple[Mapping[int, str], ...] = ()
    if options.dynamic:
        axes = tuple(
            {position: axis for position, axis in enumerate(tensor.shape) if isinstance(axis, str)}
            for tensor in spec.inputs
        )
    else:
        inputs, outputs = (
            tuple(tensor.fixed(lengths) for tensor in side) for side in (spec.inputs, spec.outputs)
        )
        spec = replace(spec, inputs=inputs, outputs=outputs)
        if any(tensor.is_dynamic or not tensor.shape for tensor in outputs):
            spec = replace(spec, outputs=_outputs(deployed, example, spec))
    return Prepared(deployed, spec, example, axes, options, on_progress)


def does_not_run(inputs: Iterable[str], error: RuntimeError) -> ExportError:
    """What is told of a network that PyTorch itself cannot run on these inputs."""
    return ExportError(f"the network does not run on {', '.join(inputs)}: {first_line(error)}")


def drawn(prepared: Prepared, shapes: Iterable[tuple[int, ...]], seed: int) -> list[Array]:
    """Random inputs of these shapes: whole numbers from 0 to 255 where the network takes such, otherwise
    numbers about as large as those that it takes."""
    chance = np.random.RandomState(seed)
    return [
        chance.randint(0, 256, shape).astype(tensor.dtype)
        if np.issubdtype(np.dtype(tensor.dtype), np.integer)
        else chance.standard_normal(shape).astype(tensor.dtype)
        for shape, tensor in zip(shapes, prepared.spec.inputs, strict=True)
    ]


def _outputs(deployed: Deployed, example: tuple[Tensor, ...], spec: ModelSpec) -> tuple[TensorSpec, ...]:
    """The outputs with the shapes that they have for this example."""
    try:
        with torch.inference_mode():
            results = deployed(*example)
    except RuntimeError as error:
        raise does_not_run(map(str, spec.inputs), error) from error
    return tuple(
        replace(output, shape=tuple(result.shape))
        for output, result in zip(spec.outputs, results, strict=True)
    )


def _lengths(spec: ModelSpec, options: ExportOptions) -> dict[str, int]:
    """How long each free axis is in the example, and in the artifact unless it stays free."""
    free = {axis for tensor in spec.inputs for axis in tensor.shape if isinstance(axis, str)}
    if options.batch < 1:
        raise ExportError(f"`batch={options.batch}`: a batch has at least 1 image")
    if options.dynamic and options.batch != 1:
        raise ExportError(
            f"`dynamic` and `batch={options.batch}`: a dynamic input takes any number of images; give one of "
            "the two"
        )
    for flag, asked, needed in (
        ("`dynamic`", options.dynamic, free),
        (f"`batch={options.batch}`", options.batch != 1, free & {"batch"}),
        ("`input_size`", options.input_size is not None, free & {"height", "width"}),
    ):
        if asked and not needed:
            shapes = ", ".join(map(str, spec.inputs))
            raise ExportError(
                f"{flag}: this network's input is of fixed shape ({shapes}); leave the option out"
            )
    lengths = {"batch": options.batch}
    size = options.input_size
    if size is None and spec.contract is not None:
        size = spec.contract.height, spec.contract.width
    if size is not None:
        height, width = size
        _check_size(height, width, spec.contract.multiple if spec.contract else 1)
        lengths |= {"height": height, "width": width}
    open_axes = sorted(free - lengths.keys())
    if open_axes:
        raise ExportError(
            f"nothing says how long the axis {' and '.join(open_axes)} is; give `input_size=HxW` for height "
            "and width, and for any other axis a number in the shape of the network's input"
        )
    return lengths


def _check_size(height: int, width: int, multiple: int) -> None:
    if height > 0 and width > 0 and height % multiple == 0 and width % multiple == 0:
        return
    near = "x".join(str(max(multiple, round(length / multiple) * multiple)) for length in (height, width))
    raise ExportError(
        f"`input_size={height}x{width}`: height and width must be multiples of {multiple}; the nearest is "
        f"{near}"
    )


def _kept(spec: ModelSpec, outputs: Outputs) -> tuple[str, ...]:
    if outputs == "all":
        return tuple(output.name for output in spec.outputs)
    if not spec.roles:
        raise ExportError(
            "`outputs=last`: this network's contract does not say which outputs poses come from"
        )
    return tuple(spec.roles.values())


def _embedded(spec: ModelSpec) -> ModelSpec:
    image_like = len(spec.inputs) == 1 and len(spec.inputs[0].shape) == 4 and spec.inputs[0].layout != "NHWC"
    if spec.contract is None or not image_like:
        raise ExportError(
            "`embed_preprocessing`: this network's input is not one NCHW image whose mean and std are "
            f"known ({', '.join(map(str, spec.inputs))}); leave the option out"
        )
    batch, _, height, width = spec.inputs[0].shape
    image = TensorSpec(spec.inputs[0].name, (batch, height, width, 3), "uint8", "NHWC")
    return replace(
        spec, inputs=(image,), contract=replace(spec.contract, embedded=("color", "normalization"))
    )


def _example(tensor: TensorSpec) -> Tensor:
    lengths = [int(length) for length in tensor.shape]
    try:
        return torch.zeros(lengths, dtype=getattr(torch, tensor.dtype))
    except RuntimeError as error:
        raise ExportError(f"an input of {tensor} does not fit into memory; ask for a smaller one") from error
