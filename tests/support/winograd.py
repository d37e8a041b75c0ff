"""What stands in for PyTorch on a GPU where there is none."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Model, RunOptions


class WinogradLike(PyTorchRunner):
    """A stand-in for PyTorch on a GPU: what every convolution gives is off by 1e-4 of itself at random, which
    puts outputs as far from the CPU's as cuDNN's Winograd kernels do."""

    def __init__(self, model: Model, seed: int) -> None:
        self._random = torch.Generator().manual_seed(seed)
        module = copy.deepcopy(model.module)
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(self._off)
        super().__init__(replace(model, module=module), RunOptions(threads=1))
        self.runtime_info = replace(self.runtime_info, device="stand-in")

    def _off(self, layer: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return output * (1 + 1e-4 * torch.randn(output.shape, generator=self._random))
