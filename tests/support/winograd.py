"""A substitute for PyTorch on a GPU."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Model, RunOptions


class WinogradLike(PyTorchRunner):
    """PyTorch with relative random errors of 1e-4 in each convolution, so that its outputs differ from the
    CPU's as much as those of cuDNN's Winograd kernels."""

    def __init__(self, model: Model, seed: int) -> None:
        self._random = torch.Generator().manual_seed(seed)
        module = copy.deepcopy(model.module)
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d):
                layer.register_forward_hook(self._add_error)
        super().__init__(replace(model, module=module), RunOptions(threads=1))
        self.runtime_info = replace(self.runtime_info, device="stand-in")

    def _add_error(self, layer: nn.Module, inputs: object, output: Tensor) -> Tensor:
        return output * (1 + 1e-4 * torch.randn(output.shape, generator=self._random))
