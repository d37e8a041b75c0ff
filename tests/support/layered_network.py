"""A small user network with blocks, whose layers tests damage one at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch import nn

Damage: TypeAlias = Callable[[nn.Module], None]

CODE = """\
import torch
from torch import nn

from posedeploy import InputContract, ModelSpec, TensorSpec


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.ReLU()

    def forward(self, x):
        y = self.conv(x)
        return self.act(self.norm(y)) + x


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.blocks = nn.ModuleList(Block() for _ in range(3))
        self.resize = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=ALIGN)
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(torch.tanh(self.resize(x)))


def build():
    contract = InputContract(height=32, width=40, mean=(120.0, 110.0, 100.0), std=(50.0, 60.0, 70.0))
    image = TensorSpec("data", (1, 3, 32, 40), layout="NCHW")
    return Network(), ModelSpec("layered", "", (image,), (TensorSpec("maps", (1, 4, 32, 40)),), contract)
"""


STAGES = {
    "        self.head = nn.Conv2d(8, 4, 1)\n": (
        "        self.head = nn.Conv2d(8, 4, 1)\n        self.refine = nn.Conv2d(4, 6, 3, 1, 1)\n"
    ),
    "        return self.head(": "        maps = self.head(",
    "\n\n\ndef build": "\n        return maps, self.refine(maps)\n\n\ndef build",
    '"maps", (1, 4, 32, 40)),)': '"maps", (1, 4, 32, 40)), TensorSpec("refined", (1, 6, 32, 40)))',
}
"""Replacements in the code, by which a second stage reads the output of the first."""
CHANNELS_LAST = {
    "(self.resize(x)))": "(self.resize(x))).permute(0, 2, 3, 1)",
    "self.refine(maps)": "self.refine(maps.permute(0, 3, 1, 2))",
    "(1, 4, 32, 40))": "(1, 32, 40, 4), layout='NHWC')",
}
"""More replacements, by which the first output has channels last."""


def keep(network: nn.Module) -> None:
    """Change nothing."""


def load_network(network: str) -> nn.Module:
    """Return the module that a ``file.py:function`` of ``write_network`` builds."""
    file, _, function = network.rpartition(":")
    namespace: dict[str, object] = {"__name__": "layered"}
    exec(Path(file).read_text(), namespace)
    module, _ = namespace[function]()  # type: ignore[operator]
    assert isinstance(module, nn.Module)
    return module


def line_of(code: str) -> int:
    """Return the line of the network's file that contains some code."""
    return 1 + next(number for number, line in enumerate(CODE.splitlines()) if code in line)


def write_network(
    folder: Path,
    name: str = "network",
    *,
    align_corners: bool = True,
    replacements: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Write the Python file of the network, and return its ``file.py:function``."""
    path = folder / f"{name}.py"
    code = CODE.replace("ALIGN", str(align_corners))
    for old, new in replacements.items():
        assert old in code
        code = code.replace(old, new)
    path.write_text(code)
    return f"{path}:build"


def write_checkpoint(network: nn.Module, path: Path, damage: Damage = keep) -> Path:
    """Write random weights with trained-like BatchNorm statistics, changed by ``damage``."""
    torch.manual_seed(3)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                module.reset_parameters()
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.2)
        damage(network)
    torch.save(network.state_dict(), path)
    return path
