"""Rewrite layers to operators that litert-torch converts and XNNPACK runs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from posedeploy.convert.prepare import ExportWrapper, Prepared, network_does_not_run
from posedeploy.convert.tflite.fold_batch_norm import fold_batch_norms


class Elu(nn.Module):
    """ELU with alpha 1 for XNNPACK. torch.export would write a comparison, which XNNPACK does not run, so
    LiteRT would split the network there and transpose its layout."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x) + (torch.exp(torch.clamp(x, max=0.0)) - 1)


class SubPixel(nn.Module):
    """A transposed convolution of kernel 4, stride 2 and padding 1 as four convolutions of kernel 2, one for
    each parity of row and column. XNNPACK does not run the original (LiteRT 2.3), and the interpreter's own
    kernel is slow."""

    TAPS = ((3, 1), (2, 0))
    """The kernel rows (or columns) for even and for odd rows (or columns) of the output."""

    kernels: Tensor

    def __init__(self, transposed: nn.ConvTranspose2d) -> None:
        super().__init__()
        weight = transposed.weight.detach().transpose(0, 1)
        kernels = [weight[:, :, rows][..., columns] for rows in self.TAPS for columns in self.TAPS]
        self.register_buffer("kernels", torch.stack(kernels))
        self.bias = transposed.bias
        self.transposed = transposed

    @staticmethod
    def replaces(layer: nn.Module) -> bool:
        """Return whether this module can replace the layer; no subclasses, since they may compute
        something else."""
        if type(layer) is not nn.ConvTranspose2d:
            return False
        shape = (layer.kernel_size, layer.stride, layer.padding, layer.output_padding, layer.dilation)
        return shape == ((4, 4), (2, 2), (1, 1), (0, 0), (1, 1)) and layer.groups == 1

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        count, _, height, width = x.shape
        if output_size is not None and tuple(output_size[-2:]) != (2 * height, 2 * width):
            larger: Tensor = self.transposed(x, output_size)
            return larger
        parts = [
            functional.conv2d(
                functional.pad(x, (1 - right, right, 1 - down, down)), self.kernels[k], self.bias
            )
            for k, (down, right) in enumerate(product((0, 1), repeat=2))
        ]
        by_parity = torch.cat(parts, dim=1).reshape(count, 2, 2, -1, height, width)
        return by_parity.permute(0, 3, 4, 1, 5, 2).reshape(count, -1, 2 * height, 2 * width)


class PreprocessingConvolution(nn.Module):
    """Preprocessing as one convolution, since with dynamic axes litert-torch supports neither per-channel
    constants nor reordered channels."""

    def __init__(self, wrapper: ExportWrapper) -> None:
        super().__init__()
        order = [2, 1, 0] if wrapper.flip else [0, 1, 2]
        scale = 1 / wrapper.std.flatten().expand(3)
        self.weight = nn.Parameter((torch.eye(3)[order] * scale[:, None])[..., None, None])
        self.bias = nn.Parameter(-wrapper.mean.flatten().expand(3) * scale)
        self.wrapper = copy.copy(wrapper)
        self.wrapper.embedded = False

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        channels_first = image.permute(0, 3, 1, 2).float()
        result: tuple[Tensor, ...] = self.wrapper(torch.conv2d(channels_first, self.weight, self.bias))
        return result


def rewrite_layers(prepared: Prepared) -> nn.Module:
    """Return a copy of the network with fewer operators, which litert-torch and XNNPACK support.

    Raises:
        ExportError: the network does not run on its example.
    """
    network = prepared.module
    if prepared.axes and isinstance(network, ExportWrapper) and network.embedded:
        network = PreprocessingConvolution(network)
    weights = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    copied = copy.deepcopy(network, weights)
    try:
        fold_batch_norms(copied, prepared.example)
    except RuntimeError as error:
        raise network_does_not_run(map(str, prepared.spec.inputs), error) from error
    for parent in list(copied.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.ELU) and child.alpha == 1.0:
                setattr(parent, name, Elu())
            elif SubPixel.replaces(child):
                setattr(parent, name, SubPixel(child))  # type: ignore[arg-type]
    return copied
