"""``parity`` names the mistake of a wrong artifact."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from posedeploy.types import Model
from tests.commands.conftest import Invoke, words

NETWORK = """
import torch
from torch import nn
from tests.support.networks import CONTRACT, tiny_model


MEAN, STD = (torch.tensor(each).view(1, 3, 1, 1) for each in (CONTRACT.mean, CONTRACT.std))


def renormalized(pixels):
    return (pixels - MEAN) / STD


class Wrong(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, data):
        outputs = self.network({data})
        return {outputs}


def build():
    model = tiny_model()
    return Wrong(model.module), model.spec
"""
RIGHT = {"data": "data", "outputs": "outputs"}
WRONG = {
    "the image were BGR instead of RGB": RIGHT | {"data": "renormalized((data * STD + MEAN).flip(1))"},
    "the image were mirrored": RIGHT | {"data": "data.flip(3)"},
    "the maps were shifted by (1, 0) cells": RIGHT
    | {"outputs": "{name: [each.roll(1, 3) for each in pair] for name, pair in outputs.items()}"},
}


def _write(path: Path, parts: dict[str, str]) -> None:
    text = NETWORK
    for name, code in parts.items():
        text = text.replace("{" + name + "}", code)
    path.write_text(text)


@pytest.mark.parametrize("cause", WRONG)
def test_a_planted_mistake_is_named(
    cause: str, tiny: Model, done: Invoke, invoke: Invoke, tmp_path: Path
) -> None:
    _write(tmp_path / "wrong.py", WRONG[cause])
    _write(tmp_path / "right.py", RIGHT)
    torch.save({f"network.{name}": tensor for name, tensor in tiny.module.state_dict().items()}, "tiny.pth")
    done("export", "tiny.pth", "--network", "wrong.py:build", "--to", "onnx", "-o", "out")
    result = invoke("parity", "out/tiny.onnx", "--network", "right.py:build", "--json", "p.json")
    assert result.exit_code == 1
    assert f"the outputs are as if {cause}: that explains" in words(result.stderr)
    (entry,) = json.loads(Path("p.json").read_text())["results"]
    assert entry["cause"]["name"] == cause
    assert entry["cause"]["explained"] > 0.99
