"""BatchNorm goes into the convolution before it, where nothing else sees what lies between."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def fold_norms(network: nn.Module, example: tuple[Tensor, ...]) -> None:
    """Fold, in place, each BatchNorm that follows a convolution in an ``nn.Sequential``.

    Only where a run on the example shows that all three are called once: then the convolution's output goes
    nowhere else. Each BatchNorm is ten operators to a converter that decomposes.

    Args:
        network: in eval mode; its weights stay as they are, folded ones are new.

    Raises:
        RuntimeError: the network does not run on the example.
    """
    calls = _calls(network, example)
    for parent in network.modules():
        if type(parent) is nn.Sequential and calls[parent] == 1:
            for index, (conv, norm) in enumerate(list(pairwise(parent))):
                if type(norm) is not nn.BatchNorm2d or norm.running_mean is None:
                    continue
                if type(conv) in CONVOLUTIONS and calls[conv] == calls[norm] == 1:
                    assert isinstance(conv, CONVOLUTIONS)
                    transposed = isinstance(conv, nn.ConvTranspose2d)
                    if (
                        transposed and conv.groups != 1
                    ):  # whose weights torch's fusion takes for ungrouped ones
                        continue
                    parent[index] = fuse_conv_bn_eval(conv, norm, transpose=transposed)
                    parent[index + 1] = nn.Identity()


def _calls(network: nn.Module, example: tuple[Tensor, ...]) -> Counter[nn.Module]:
    """How often a run calls each module."""
    calls: Counter[nn.Module] = Counter()

    def count(module: nn.Module, *_: object) -> None:
        calls[module] += 1

    handles = [module.register_forward_hook(count) for module in network.modules()]
    try:
        with torch.inference_mode():
            network(*example)
    finally:
        for handle in handles:
            handle.remove()
    return calls
