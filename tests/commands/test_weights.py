"""Checkpoints with several sets of weights, and files that are not checkpoints, on the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from posedeploy.checkpoints import pose_hg_3d
from tests.commands.conftest import Invoke, words
from tests.support.networks import write_crop_network

SMALL = ("--to", "torchscript", "--input-size", "32x32", "-o", "out")


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A checkpoint with the weights of a small network and their average, in a file with an unusual name."""
    weights = torch.load(write_crop_network("hg2d", tmp_path / "one.pth"), weights_only=True)["state_dict"]
    average = {name: tensor.clone().float() * 0.5 for name, tensor in weights.items()}
    content = {"epoch": 3, "model_ema": {f"module.{name}": t for name, t in average.items()}}
    torch.save({**content, "model": {f"_orig_mod.{name}": t for name, t in weights.items()}}, "été 1.CKPT")
    return Path("été 1.CKPT")


def test_the_plain_weights_are_used_and_the_others_are_listed(both: Path, done: Invoke) -> None:
    result = done("inspect", both, "--json", "i.json")
    facts = json.loads(Path("i.json").read_text())["facts"]
    assert facts["weights key"] == "model"
    assert facts["prefix"] == "_orig_mod."
    assert facts["unused keys"] == "epoch, model_ema"
    assert facts["alternatives"] == "model_ema"
    assert "été 1.CKPT: using the weights model; --weights selects others: model_ema" in words(result.stderr)


def test_weights_are_selected_and_parity_uses_the_same(
    both: Path, done: Invoke, refused: Callable[..., str]
) -> None:
    done("export", both, *SMALL, "--weights", "model_ema")
    recorded = json.loads(Path("out/été 1.torchscript.posedeploy.json").read_text())["provenance"]["weights"]
    assert (recorded["key"], recorded["prefix"], recorded["unused_keys"]) == (
        "model_ema",
        "module.",
        ["epoch", "model"],
    )
    assert "weights key model_ema" in words(done("inspect", "out/été 1.torchscript").stdout)
    assert "within tolerance of PyTorch" in words(done("parity", "out/été 1.torchscript").stdout)
    assert "--weights x: out/été 1.torchscript is an exported model, whose weights are fixed" in refused(
        "inspect", "out/été 1.torchscript", "--weights", "x"
    )


@pytest.mark.slow
def test_parity_fails_with_other_weights(both: Path, done: Invoke, invoke: Invoke) -> None:
    done("export", both, *SMALL)
    result = invoke("parity", "out/été 1.torchscript", "--weights", "model_ema")
    assert result.exit_code == 1
    assert "outside tolerance of PyTorch" in words(result.stdout)


@pytest.mark.parametrize("command", [("inspect",), ("export", *SMALL), ("bench",)])
def test_a_missing_key_is_refused(
    both: Path, refused: Callable[..., str], command: tuple[object, ...]
) -> None:
    message = refused(*command, both, "--weights", "ema")
    assert "été 1.CKPT: --weights ema: no such weights; choose among model (" in message
    assert "model_ema (" in message


def test_a_whole_module_is_exported_and_reported(tmp_path: Path, done: Invoke) -> None:
    network = pose_hg_3d.PoseHg3d(pose_hg_3d.BasicBlock, (1, 1, 1, 1), 8, {"hm": 16})
    torch.save(nn.DataParallel(network), "whole.bin")
    result = done("export", "whole.bin", *SMALL)
    kind = "torch.nn.parallel.data_parallel.DataParallel"
    assert f"whole.bin: a whole module ({kind}); its weights were read without running code" in words(
        result.stderr
    )
    assert Path("out/whole.torchscript").is_file()
    assert f"whole module {kind}" in words(done("inspect", "out/whole.torchscript").stdout)


COMMANDS = [("inspect",), ("export",), ("bench",), ("predict", "x.png"), ("parity",)]


@pytest.mark.parametrize("name", ["a.pth", "a", "a.onnx"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_recognizes_a_web_page(
    name: str, command: tuple[str, ...], refused: Callable[..., str]
) -> None:
    cv2.imwrite("x.png", np.zeros((8, 8, 3), np.uint8))
    Path(name).write_text("<!DOCTYPE html><title>Virus scan warning</title>")
    message = refused(command[0], name, *command[1:])
    assert f"{name}: an HTML page, not a " in message
    assert "it is often a download warning or a login page" in message


@pytest.mark.parametrize("command", ["inspect", "export", "bench"])
def test_a_pipe_is_never_opened(command: str, refused: Callable[..., str]) -> None:
    os.mkfifo("a.pth")
    assert "a.pth: a named pipe" in refused(command, "a.pth")


def test_parity_of_a_checkpoint_is_refused(both: Path, refused: Callable[..., str]) -> None:
    message = refused("parity", both)
    assert message.startswith(
        f"error: {both}: a PyTorch checkpoint, not an exported model; export it first: "
    )


def test_a_checkpoint_with_the_suffix_of_a_model_is_recognized(tmp_path: Path, done: Invoke) -> None:
    write_crop_network("hg2d", tmp_path / "a.onnx")
    assert "pose-hg-3d" in done("inspect", "a.onnx").stdout
