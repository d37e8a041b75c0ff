"""Fold BatchNorm into the convolution before it, if no other layer uses the convolution's output."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def fold_batch_norms(network: nn.Module, example: tuple[Tensor, ...]) -> None:
    """Fold, in place, each BatchNorm that follows a convolution in an ``nn.Sequential``.

    All three modules must be called only once on the example: then no other layer uses the convolution's
    output. litert-torch would decompose each BatchNorm into ten operators.

    Args:
        network: in eval mode; its weights do not change, since folded weights are new tensors.

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
                    if transposed and conv.groups != 1:
                        continue  # torch fuses grouped transposed convolutions wrongly
                    parent[index] = fuse_conv_bn_eval(conv, norm, transpose=transposed)
                    parent[index + 1] = nn.Identity()


def _calls(network: nn.Module, example: tuple[Tensor, ...]) -> Counter[nn.Module]:
    """Return how often a run calls each module."""
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
