"""The file of torch2trt's TRTModule, read by its own rules and by posedeploy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from posedeploy.checkpoints import reader
from posedeploy.errors import CheckpointError
from posedeploy.tensorrt.torch2trt import read, wrap
from posedeploy.types import ModelSpec, TensorSpec

ENGINE = bytes(range(256)) * 3


def _spec(*outputs: str) -> ModelSpec:
    tensors = tuple(TensorSpec(name, (1, 2)) for name in outputs)
    return ModelSpec("x", "", (TensorSpec("data", (1, 3)),), tensors)


def _unflattened(schema: Any, flat: list[str]) -> Any:
    """Return the engine's outputs in the structure of a schema, as TRTModule does."""
    if isinstance(schema, int):
        return flat[schema]
    return type(schema)(_unflattened(part, flat) for part in schema)


def test_the_file_has_the_entries_that_trtmodule_loads(tmp_path: Path) -> None:
    outputs = ["features", "heatmaps", "pafs"]
    wrap(ENGINE, _spec(*outputs), tmp_path / "a-trt.pth")
    state = torch.load(tmp_path / "a-trt.pth", map_location="cpu", weights_only=True)
    assert list(state) == ["engine", "input_names", "output_names", "input_flattener", "output_flattener"]
    assert isinstance(state["engine"], bytearray) and bytes(state["engine"]) == ENGINE
    assert (state["input_names"], state["output_names"]) == (["data"], outputs)
    assert state["input_flattener"] == {"schema": (0,), "size": 1}, "called with a tuple of one"
    assert _unflattened(state["output_flattener"]["schema"], outputs) == tuple(outputs)
    assert state["output_flattener"]["size"] == 3


def test_a_single_output_is_a_tensor(tmp_path: Path) -> None:
    wrap(ENGINE, _spec("coord"), tmp_path / "a.pth")
    state = torch.load(tmp_path / "a.pth", weights_only=True)
    assert _unflattened(state["output_flattener"]["schema"], ["coord"]) == "coord"


def test_the_engine_is_extracted(tmp_path: Path) -> None:
    wrap(ENGINE, _spec("a", "b"), tmp_path / "a.pth")
    wrapped = read(tmp_path / "a.pth")
    assert (wrapped.engine, wrapped.inputs, wrapped.outputs) == (ENGINE, ("data",), ("a", "b"))


def test_an_older_file_has_no_flatteners(tmp_path: Path) -> None:
    torch.save({"engine": bytearray(ENGINE), "input_names": ["x"], "output_names": ["y"]}, tmp_path / "a.pth")
    assert read(tmp_path / "a.pth").outputs == ("y",)


class Harmful:
    """An object whose unpickling would create a folder."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harmed",)


STATE = {"engine": bytearray(ENGINE), "input_names": ["x"], "output_names": ["y"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"state_dict": {}},
            "not a torch2trt file; expected a state dict with engine, input_names, output_names$",
        ),
        ([1, 2], "not a torch2trt file; expected"),
        ({**STATE, "engine": "text"}, "its engine is not bytes, or its names are not text; copy it again$"),
        ({**STATE, "input_names": [3]}, "its engine is not bytes, or its names are not text; copy it again$"),
        (
            {**STATE, "output_names": "y"},
            "its engine is not bytes, or its names are not text; copy it again$",
        ),
        ({**STATE, "engine": bytearray()}, "its engine is empty; convert the network again$"),
    ],
    ids=["weights", "list", "text", "number", "string", "empty"],
)
def test_a_file_without_an_engine_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, "a.pth")
    with pytest.raises(CheckpointError, match=rf"^a\.pth: {message}"):
        read(Path("a.pth"))


def test_code_in_the_file_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({**STATE, "input_flattener": Harmful()}, "a.pth")
    assert read(Path("a.pth")).engine == ENGINE
    assert not Path("harmed").exists()


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    wrap(ENGINE, _spec("a"), path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(CheckpointError, match="damaged, or not a PyTorch checkpoint"):
        read(path)


def test_passed_as_a_checkpoint_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a-trt.pth"
    wrap(ENGINE, _spec("a"), path)
    with pytest.raises(
        CheckpointError, match=rf"^{path}: a TensorRT engine .*: posedeploy engine unwrap {path}$"
    ):
        reader.read(path)
