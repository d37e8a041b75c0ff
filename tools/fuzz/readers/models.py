"""Readers of model files, as in ``inspect``."""

from __future__ import annotations

from pathlib import Path

from posedeploy.api.model_args import ModelArgs
from posedeploy.commands.inspect import run
from tools.fuzz.seeds.models import exported

CONTRACT = """[input]
name = "data"
shape = [1, 3, 32, 40]
[outputs]
a = "a"
b = "b"
c = "c"
d = "d"
"""
"""A contract with tensor names, which a TorchScript file lacks."""


def inspect(path: Path) -> None:
    """Load a model file in its runtime, as ``inspect`` does."""
    described = path.with_suffix(".toml")
    if path.suffix == ".xml":
        path.with_suffix(".bin").write_bytes(exported("openvino")[".bin"])
    if path.suffix == ".torchscript":
        described.write_text(CONTRACT)
    run(path, ModelArgs(contract=described if described.is_file() else None), None)
