"""Counts the parameters and the arithmetic of the published networks, as ``families.py`` states them.

``python tools/count_flops.py``: for one image or person, convolutions and matrix products alone, two for a
multiplication with its addition, by PyTorch's own counter. Pose2Mesh is counted as it is deployed, on a
closed mesh of as many vertices as SMPL's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.checkpoints import pose2mesh
from tools.published_networks import networks


def gflop(network: nn.Module, shape: tuple[int, ...]) -> float:
    """10^9 operations of one run."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(shape))
    return float(counter.get_total_flops()) / 1e9


def main() -> None:
    """Print a line for each network."""
    for name, network, shape in networks():
        parameters = sum(parameter.numel() for parameter in network.parameters())
        deployed = network.deployed() if isinstance(network, pose2mesh.Pose2Mesh) else network
        size = "x".join(map(str, shape))
        print(f"{name:30s} {parameters / 1e6:6.1f} M  {gflop(deployed, shape):7.2f} GFLOP at {size}")


if __name__ == "__main__":
    main()
