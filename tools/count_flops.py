"""Count the parameters and operations of the published networks, as ``families.py`` lists them.

``python tools/count_flops.py`` counts convolutions and matrix products for one image or person with PyTorch's
counter; a multiplication with its addition counts as two operations. Pose2Mesh is counted as exported, on a
closed mesh with as many vertices as that of SMPL.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.checkpoints import pose2mesh
from tools.command_line import run_tool
from tools.published_networks import networks


def gflop(network: nn.Module, shape: tuple[int, ...]) -> float:
    """Return the operations of one run in units of 10^9."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(shape))
    return float(counter.get_total_flops()) / 1e9


def main() -> None:
    """Print a line for each network."""
    for name, network, shape in networks():
        parameters = sum(parameter.numel() for parameter in network.parameters())
        exported = network.export_form() if isinstance(network, pose2mesh.Pose2Mesh) else network
        size = "x".join(map(str, shape))
        print(f"{name:30s} {parameters / 1e6:6.1f} M  {gflop(exported, shape):7.2f} GFLOP at {size}")


if __name__ == "__main__":
    run_tool(main)
