"""Whole modules, ``torch.save(model)``: their state dict is read from their stand-ins."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from posedeploy.checkpoints import pickled_modules
from posedeploy.checkpoints.reader import read
from posedeploy.errors import CheckpointError


class Inner(nn.Module):
    """A module with parameters and both kinds of buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_parameter("bias", None)
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("scratch", torch.full((2,), 7.0), persistent=False)
        self.notes = {"tensor": torch.zeros(3)}


class Outer(nn.Module):
    """Nested modules, one of them used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), Inner())
        self.again = self.body[2]


@pytest.fixture
def save_with_missing_class(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that saves a network and then removes its class."""

    def save(network: nn.Module, path: Path, **options: Any) -> None:
        module = ModuleType("somebody_s_training_code")
        for kind in (Inner, Outer):
            monkeypatch.setattr(kind, "__module__", module.__name__)
            setattr(module, kind.__name__, kind)
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, module.__name__, module)
            torch.save(network, path, **options)

    return save


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("parallel", [False, True], ids=["plain", "DataParallel"])
@pytest.mark.filterwarnings(
    "ignore:.*source code:UserWarning", "ignore::torch.serialization.SourceChangeWarning"
)
def test_the_weights_of_a_whole_module_are_its_state_dict(
    tmp_path: Path, save_with_missing_class: Any, parallel: bool, archive: bool
) -> None:
    network = Outer()
    expected = network.state_dict()
    saved = nn.DataParallel(network) if parallel else network
    save_with_missing_class(saved, tmp_path / "a.pth", _use_new_zipfile_serialization=archive)
    checkpoint = read(tmp_path / "a.pth")
    assert checkpoint.tensors.keys() == expected.keys()
    assert all(torch.equal(checkpoint.tensors[name], expected[name]) for name in expected)
    kind = "torch.nn.parallel.data_parallel.DataParallel" if parallel else "somebody_s_training_code.Outer"
    assert checkpoint.weights.module == kind
    assert checkpoint.weights.prefix == ("module." if parallel else "")


def test_a_module_in_a_dictionary_is_read_despite_a_second_one(
    tmp_path: Path, save_with_missing_class: Any
) -> None:
    content = {"epoch": 3, "model": Outer(), "ema": None}
    save_with_missing_class(content, tmp_path / "a.pth")
    checkpoint = read(tmp_path / "a.pth")
    assert checkpoint.weights.key == "model"
    assert checkpoint.weights.unused_keys == ("epoch", "ema")
    assert len(checkpoint.tensors) == len(Outer().state_dict())


class Attributes(dict[str, Any]):
    """A dictionary with attributes, as in Lightning, EasyDict, Box and MMEngine."""


class Config:
    """An object with slots and a state, as in OmegaConf."""

    __slots__ = ("content", "parent")

    def __init__(self, content: Any, parent: Any) -> None:
        self.content = content
        self.parent = parent


@pytest.mark.parametrize("protocol", [2, 4])
def test_objects_of_missing_packages_are_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    module = ModuleType("not_installed")
    for kind in (Attributes, Config):
        monkeypatch.setattr(kind, "__module__", module.__name__)
        setattr(module, kind.__name__, kind)
    weights = {"a.weight": torch.ones(2), "a.bias": torch.ones(2)}
    config = Config({"lr": 0.1}, None)
    content = Attributes(
        state_dict=Attributes(weights), hyper_parameters=Config({"optimizer": config}, config)
    )
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, module.__name__, module)
        torch.save(content, tmp_path / "a.pth", pickle_protocol=protocol)
    checkpoint = read(tmp_path / "a.pth")
    assert checkpoint.tensors.keys() == weights.keys()
    assert checkpoint.weights.key == "state_dict"
    assert checkpoint.weights.unused_keys == ("hyper_parameters",)


def test_a_module_without_parameters_holds_no_weights(tmp_path: Path) -> None:
    torch.save(torch.nn.Sequential(torch.nn.ReLU()), tmp_path / "a.pth")
    with pytest.raises(
        CheckpointError, match=r"a\.pth: no weights found; expected a dictionary of weights, got torch\.nn\."
    ):
        read(tmp_path / "a.pth")


@pytest.mark.parametrize("deep", [True, False])
def test_names_beyond_the_limit_are_skipped(tmp_path: Path, deep: bool) -> None:
    long = "a" * 1_000_000
    inner: dict[str, object] = {str(place): {} for place in range(1_000)}
    content = {long: inner if deep else {"w": torch.ones(1)}, "state_dict": {"b.weight": torch.ones(2)}}
    torch.save(content, tmp_path / "a.pth")
    tracemalloc.start()
    weights = read(tmp_path / "a.pth")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(weights.shapes) == ["b.weight"]
    assert peak < 100 << 20


def test_shared_modules_do_not_multiply_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickled_modules, "MAX_MODULES", 1000)
    module: nn.Module = nn.Conv2d(1, 1, 1)
    for _ in range(30):
        module = nn.ModuleDict({"a": module, "b": module})
    torch.save(module, tmp_path / "a.pth")
    assert len(read(tmp_path / "a.pth").tensors) < 1000
