"""Values that PyTorch and NumPy save are read unchanged, in every type, format and protocol."""

from __future__ import annotations

import collections
import pickle
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from posedeploy.checkpoints.reader import read
from posedeploy.errors import CheckpointError
from posedeploy.pickles.arrays import ArrayRecord
from posedeploy.pickles.values import Global, StandIn
from tests.pickles.test_nothing_runs import load_bare

BASE = torch.arange(24.0).view(4, 6)
TENSORS = {
    "float32": BASE,
    "transposed": BASE.t(),
    "part": BASE[1:, 2:4],
    "every second": BASE[:, ::2],
    "repeated": torch.ones(1).expand(3, 4),
    "float64": BASE.double(),
    "float16": BASE.half(),
    "bfloat16": BASE.bfloat16(),
    "float8": BASE.to(torch.float8_e4m3fn),
    "complex64": BASE.to(torch.complex64),
    "bool": BASE > 3,
    "int64": BASE.long(),
    "int8": BASE.to(torch.int8),
    "uint8": BASE.to(torch.uint8),
    "uint16": BASE.to(torch.uint16),
    "empty": torch.empty(0, 3),
    "scalar": torch.tensor(5),
    "parameter": torch.nn.Parameter(BASE),
}


def _assert_same(path: Path) -> None:
    tensors = read(path).tensors
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert (tensors[name].dtype, tensors[name].shape) == (tensor.dtype, tensor.shape), name
        assert torch.equal(tensors[name].to(torch.complex64), tensor.detach().to(torch.complex64)), name


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_of_every_type_and_layout(tmp_path: Path, protocol: int, archive: bool) -> None:
    torch.save(TENSORS, tmp_path / "a", pickle_protocol=protocol, _use_new_zipfile_serialization=archive)
    _assert_same(tmp_path / "a")


@pytest.mark.parametrize("protocol", range(6))
def test_tensors_pickled_without_torch_save(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "a").write_bytes(pickle.dumps(TENSORS, protocol))
    _assert_same(tmp_path / "a")


def test_big_endian_storages(tmp_path: Path) -> None:
    half = BASE.bfloat16()
    torch.save({"a": BASE, "b": half}, tmp_path / "little")
    swapped = {
        BASE.numpy().tobytes(): BASE.numpy().astype(">f4").tobytes(),
        half.view(torch.int16).numpy().tobytes(): half.view(torch.int16).numpy().astype(">i2").tobytes(),
        b"little": b"big",
    }
    with zipfile.ZipFile(tmp_path / "little") as old, zipfile.ZipFile(tmp_path / "big", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, swapped.pop(content, content))
    assert not swapped
    tensors = read(tmp_path / "big").tensors
    assert torch.equal(tensors["a"], BASE)
    assert torch.equal(tensors["b"], half)


def test_shared_storages_stay_shared(tmp_path: Path) -> None:
    torch.save({"a": BASE, "b": BASE[2:]}, tmp_path / "a")
    tensors = read(tmp_path / "a").tensors
    assert tensors["b"].data_ptr() == tensors["a"][2:].data_ptr()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (
            lambda: torch.quantize_per_tensor(BASE, 0.1, 0, torch.qint8),
            "a is a quantized tensor of QInt8Storage",
        ),
        (BASE.to_sparse, "a is a sparse tensor"),
        (lambda: torch.empty(3, device="meta"), r"a is a meta \(empty\) tensor"),
    ],
    ids=["quantized", "sparse", "meta"],
)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_the_error_names_a_weight_that_is_not_a_plain_tensor(tmp_path: Path, make: Any, problem: str) -> None:
    torch.save({"a": make(), "b": BASE}, tmp_path / "x")
    with pytest.raises(CheckpointError, match=f"{problem}.*; save plain floating-point weights"):
        read(tmp_path / "x")


ARRAYS = {
    "float32": np.arange(6, dtype="f4").reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big endian": np.arange(4, dtype=">i4"),
    "bool": np.array([True, False]),
    "scalar": np.array(3.5),
    "empty": np.zeros((0, 4)),
}


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_layout(protocol: int) -> None:
    content = load_bare(pickle.dumps(ARRAYS, protocol))
    for name, array in ARRAYS.items():
        record = content[name]
        assert isinstance(record, ArrayRecord)
        assert np.array_equal(record.value, array)  # type: ignore[arg-type]
        assert record.value.dtype == array.dtype  # type: ignore[union-attr]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_unchanged(protocol: int) -> None:
    values = {
        "numbers": [0, -1, 255, 65536, 2**40, -(2**70), 1.5, float("inf"), True, False, None, 1 + 2j],
        "text": ["", "é", "a\nb\\'\"", "\U0001f600"],
        "bytes": [b"", b"\0\xff", bytearray(b"ab")],
        "sets": {1, "a", ("b", b"c")},
        "frozen": frozenset({b"x"}),
        "tuple": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "scalar": np.float64(1.5),
    }
    assert load_bare(pickle.dumps(values, protocol)) == values


@pytest.mark.parametrize("protocol", range(6))
def test_known_containers_become_plain_ones_and_other_objects_stand_ins(protocol: int) -> None:
    ordered = collections.OrderedDict([("b", 1), ("a", 2)])
    content = load_bare(pickle.dumps([ordered, collections.Counter("aab"), Namespace(a=1), Path], protocol))
    assert list(content[0].items()) == [("b", 1), ("a", 2)]
    assert content[1] == {"a": 2, "b": 1}
    assert isinstance(content[2], StandIn) and content[2].kind == "argparse.Namespace"
    assert isinstance(content[3], Global) and str(content[3]) == "pathlib.Path"


def test_a_structure_that_contains_itself_is_read() -> None:
    inner: list[Any] = []
    inner.append({"again": inner})
    content = load_bare(pickle.dumps(inner))
    assert content[0]["again"] is content


def test_keys_that_cannot_be_hashed_safely_are_replaced() -> None:
    deep: Any = ()
    for _ in range(200):
        deep = (deep, deep)
    assert len(load_bare(pickle.dumps({"a": 1, (1, "b"): 2}))) == 2
    content = load_bare(b"\x80\x04}" + pickle.dumps(deep, 4)[2:-1] + b"K\x01s.")
    assert list(content.values()) == [1]
