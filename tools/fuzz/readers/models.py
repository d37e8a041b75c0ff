"""Model files, as ``inspect`` reads them."""

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
"""Names the tensors of a TorchScript file, which has none."""


def inspect(path: Path) -> None:
    """Do what ``inspect`` does with a model file: its runtime loads it."""
    described = path.with_suffix(".toml")
    if path.suffix == ".xml":
        path.with_suffix(".bin").write_bytes(exported("openvino")[".bin"])
    if path.suffix == ".torchscript":
        described.write_text(CONTRACT)
    run(path, ModelArgs(contract=described if described.is_file() else None), None)
