"""Readers of checkpoints and meshes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.checkpoints.reader import read
from posedeploy.errors import MisfitError
from posedeploy.meshes.topology import read_mesh
from posedeploy.tensorrt import torch2trt as torch2trt_file


def checkpoint(path: Path) -> None:
    """Read a checkpoint, and build its network if it is a known one."""
    read(path)
    with suppress(MisfitError):
        open_checkpoint(path)


def torch2trt(path: Path) -> None:
    """Read a file of torch2trt."""
    torch2trt_file.read(path)


def mesh(path: Path) -> None:
    """Read the triangles of a mesh."""
    read_mesh(path)
