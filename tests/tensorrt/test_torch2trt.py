"""The file that torch2trt's TRTModule loads: as that reads it, and as we do."""

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
    """What TRTModule makes of the engine's outputs, by the meaning of a schema."""
    if isinstance(schema, int):
        return flat[schema]
    return type(schema)(_unflattened(part, flat) for part in schema)


def test_it_is_what_the_module_loads(tmp_path: Path) -> None:
    outputs = ["features", "heatmaps", "pafs"]
    wrap(ENGINE, _spec(*outputs), tmp_path / "a-trt.pth")
    state = torch.load(tmp_path / "a-trt.pth", map_location="cpu", weights_only=True)
    assert list(state) == ["engine", "input_names", "output_names", "input_flattener", "output_flattener"]
    assert isinstance(state["engine"], bytearray) and bytes(state["engine"]) == ENGINE
    assert (state["input_names"], state["output_names"]) == (["data"], outputs)
    assert state["input_flattener"] == {"schema": (0,), "size": 1}, "called with a tuple of one"
    assert _unflattened(state["output_flattener"]["schema"], outputs) == tuple(outputs)
    assert state["output_flattener"]["size"] == 3


def test_a_lone_output_is_a_tensor_and_no_tuple(tmp_path: Path) -> None:
    wrap(ENGINE, _spec("coord"), tmp_path / "a.pth")
    state = torch.load(tmp_path / "a.pth", weights_only=True)
    assert _unflattened(state["output_flattener"]["schema"], ["coord"]) == "coord"


def test_the_engine_is_taken_out_again(tmp_path: Path) -> None:
    wrap(ENGINE, _spec("a", "b"), tmp_path / "a.pth")
    found = read(tmp_path / "a.pth")
    assert (found.engine, found.inputs, found.outputs) == (ENGINE, ("data",), ("a", "b"))


def test_an_older_file_has_no_flatteners(tmp_path: Path) -> None:
    torch.save({"engine": bytearray(ENGINE), "input_names": ["x"], "output_names": ["y"]}, tmp_path / "a.pth")
    assert read(tmp_path / "a.pth").outputs == ("y",)


class Harmful:
    """Would make a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harmed",)


STATE = {"engine": bytearray(ENGINE), "input_names": ["x"], "output_names": ["y"]}


@pytest.mark.parametrize(
    ("content", "said"),
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
def test_what_holds_no_engine_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, "a.pth")
    with pytest.raises(CheckpointError, match=rf"^a\.pth: {said}"):
        read(Path("a.pth"))


def test_what_would_run_code_beside_the_engine_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_given_as_a_checkpoint_it_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a-trt.pth"
    wrap(ENGINE, _spec("a"), path)
    with pytest.raises(
        CheckpointError, match=rf"^{path}: a TensorRT engine .*: posedeploy engine unwrap {path}$"
    ):
        reader.read(path)
