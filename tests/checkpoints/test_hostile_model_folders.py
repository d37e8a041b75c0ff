"""Model folders of transformers that could run code, use the network or allocate too much memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.checkpoints.hugging_face import folder as folder_module
from posedeploy.errors import CheckpointError
from tests.support.model_folders import change_json, write_vitpose

HUGE = 10**10


@pytest.fixture(scope="module")
def vitpose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vitpose(tmp_path_factory.mktemp("hub") / "vitpose-tiny")


@pytest.fixture
def folder(vitpose: Path, tmp_path: Path) -> Path:
    """A copy of the folder, to be changed."""
    return Path(shutil.copytree(vitpose, tmp_path / "changed"))


def change_backbone(folder: Path, **values: Any) -> None:
    backbone = json.loads((folder / "config.json").read_text())["backbone_config"]
    change_json(folder / "config.json", backbone_config=backbone | values)


@pytest.mark.parametrize(
    "values",
    [
        {"attn_implementation": "kernels-community/flash-attn"},
        {"_attn_implementation": "kernels-community/flash-attn"},
        {"experts_implementation": "someone/kernel"},
        {"auto_map": {"AutoModel": "model.Network"}},
        {"transformers_weights": "other.safetensors"},
        {"return_dict": False},
        {"dtype": "float16"},
        {"to_dict": 5, "__class__": "Config"},
    ],
    ids=lambda values: next(iter(values)),
)
def test_fields_that_do_not_define_the_network_have_no_effect(
    values: dict[str, Any], vitpose: Path, folder: Path
) -> None:
    change_json(folder / "config.json", **values)
    change_backbone(folder, **values)
    image = torch.randn(1, 3, 64, 48)
    assert torch.equal(load_checkpoint(folder).module(image), load_checkpoint(vitpose).module(image))


def configure(**values: Any) -> Callable[[Path], None]:
    return lambda folder: change_json(folder / "config.json", **values)


def configure_backbone(**values: Any) -> Callable[[Path], None]:
    return lambda folder: change_backbone(folder, **values)


def process(content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "preprocessor_config.json").write_text(content)


def split_into(name: str) -> Callable[[Path], None]:
    """Replace the weights by an index that names this file."""

    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        index = {"weight_map": {"head.conv.weight": name}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return change


OWN_LABELS = {str(index): f"point {index}" for index in range(17)}
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "quantized": (
        configure(quantization_config={"quant_method": "bitsandbytes"}),
        r"config.json: the weights are quantized \(quantization_config\)",
    ),
    "layers": (configure_backbone(num_hidden_layers=HUGE), f"num_hidden_layers is {HUGE}; expected at most"),
    "experts": (configure_backbone(num_experts=HUGE), f"num_experts is {HUGE}; expected at most"),
    "labels": (configure(num_labels=HUGE, id2label=None), f"num_labels is {HUGE}; expected at most 10000"),
    "width": (configure_backbone(hidden_size=2**14), "weights, and the files have .*; download the folder"),
    "no upsampling": (configure(scale_factor=0), "VitPoseForPoseEstimation does not run"),
    "edges": (configure(edges=5, id2label=OWN_LABELS), "edges is 5; expected a list of pairs"),
    "mean in words": (process('{"image_mean": "imagenet"}'), "image_mean imagenet"),
    "a mean of two": (process('{"image_mean": [0.5, 0.5]}'), r"image_mean \[0.5, 0.5\]"),
    "a negative std": (process('{"image_std": [1, -1, 1]}'), "three numbers above 0 as image_std"),
    "a factor near 0": (process('{"rescale_factor": 1e-320}'), "rescale_factor 1e-320"),
    "a factor of 400 digits": (process('{"rescale_factor": 1' + "0" * 400 + "}"), "rescale_factor 1"),
    "a switch in words": (process('{"do_rescale": "false"}'), "do_rescale = 'false'; expected true or false"),
    "no name": (split_into(""), "weight_map names ; expected files in the same folder"),
    "a long name": (split_into("a" * 300), "its file a+ is missing"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_no_folder_has_is_refused(damage: str, folder: Path) -> None:
    change, message = DAMAGES[damage]
    change(folder)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors"])
def test_a_file_that_changes_during_reading_is_refused(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hash of the folder is that of the content that was used."""
    read = folder_module.read

    def read_and_change(file: Path) -> Any:
        checkpoint = read(file)
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content)
        return checkpoint

    monkeypatch.setattr(folder_module, "read", read_and_change)
    with pytest.raises(CheckpointError, match="changed: a file changed during reading; run"):
        load_checkpoint(folder)
