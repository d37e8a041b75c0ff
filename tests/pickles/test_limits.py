"""Every limit is checked before memory is allocated; the message has the value found and the limit."""

from __future__ import annotations

import itertools
import pickle
import struct
import tracemalloc
from pathlib import Path

import pytest

from posedeploy import limits
from posedeploy.checkpoints.reader import read
from posedeploy.errors import CheckpointError
from posedeploy.pickles import meter, opcodes
from posedeploy.pickles.arrays import ArrayRecord
from posedeploy.pickles.legacy import MAGIC, PROTOCOL
from posedeploy.pickles.values import PickleError, StandIn, Unreadable
from tests.pickles.streams import text
from tests.pickles.test_nothing_runs import load_bare

FORGED = b"ctorch._utils\n_rebuild_tensor_v2\n(N"
STORAGE = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
BOMBS = {
    "a memo index": (
        b"\x80\x02]r" + struct.pack("<I", 10**8) + b".",
        "memo index: 100000000, at most 8000000 allowed",
    ),
    "a memo index as text": (b"]p99999999999999999999\n.", "memo index: 9{20}, at most 8000000"),
    "a missing memo entry": (b"\x80\x02h\x05.", "it refers to entry 5 of its memo"),
    "a string": (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".", "it is truncated"),
    "a text": (b"\x80\x04X" + struct.pack("<I", 1 << 31) + b".", "it is truncated"),
    "an integer": (b"\x80\x02\x8b" + struct.pack("<I", 1 << 30) + b".", "bytes of an integer: 1073741824"),
    "digits": (b"I" + b"9" * 3000 + b"\n.", "characters of a number: 3000, at most 2500 allowed"),
    "marks": (b"(" * 3000 + b".", "open containers: 2001, at most 2000 allowed"),
    "dimensions": (
        b"cnumpy.core.numeric\n_frombuffer\n(C\x00cnumpy\ndtype\n(" + text("f4") + b"tR("
        + b"K\x00" * 40 + b"t" + text("C") + b"tR.",
        "dimensions of an array: 40, at most 32 allowed",
    ),
    "copies": (
        b"\x80\x02cbuiltins\nlist\n(]q\x00(" + b"K\x01" * 100_000 + b"et\x85q\x01" + b"0" * 0
        + b"0cbuiltins\nlist\nh\x00\x85R" * 100 + b".",
        r"bytes of memory including elements of sets and lists: \d+, at most \d+ allowed",
    ),
    "a protocol": (b"\x80\x09N.", "its protocol is 9; expected at most 5"),
    "an out-of-band buffer": (b"\x80\x05\x97.", "it needs out-of-band buffers, which no file contains"),
    "an unknown instruction": (b"\x80\x05\xff.", "is not a pickle instruction"),
    "an empty stack": (b"\x80\x02R.", "it is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("what", BOMBS)
def test_pickles_beyond_a_limit_are_refused_in_little_memory(what: str) -> None:
    content, message = BOMBS[what]
    tracemalloc.start()
    try:
        with pytest.raises(PickleError, match=message):
            load_bare(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 400 << 20


def test_the_number_of_instructions_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcodes, "MAX_OPCODES", 1000)
    load_bare(b"(" + b"N" * 900 + b"t.")
    with pytest.raises(PickleError, match="more than 1000 instructions"):
        load_bare(b"(" + b"N" * 1100 + b"t.")


def test_instructions_of_nested_files_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opcodes, "MAX_OPCODES", 5_000)
    inner = b"".join(pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, {}, [1] * 100, []))
    content = b"ctorch.storage\n_load_from_bytes\nq\x000B" + struct.pack("<I", len(inner)) + inner + b"q\x010"
    with pytest.raises(PickleError, match="more than 5000 instructions"):
        load_bare(content + b"h\x00h\x01\x85R0" * 100 + b"N.")


def test_nested_files_are_limited() -> None:
    content = pickle.dumps(1, 2)
    for _ in range(limits.MAX_NESTED_FILES + 2):
        content = b"ctorch.storage\n_load_from_bytes\n(" + pickle.dumps(content, 3)[2:-1] + b"tR."
    with pytest.raises(PickleError, match="nested files: 3, at most 2 allowed"):
        load_bare(content)


def _dtype(*state: bytes) -> bytes:
    built = b"(" + b"".join(state) + b"tb" if state else b""
    return b"cnumpy\ndtype\n(" + text("O8") + b"\x89\x88tR" + built


FIELDS = (
    b"K\x03",
    text("|"),
    b"N",
    b"(" + text("a") + b"t",
    b"}" + text("a") + b"K\x00s",
    b"K\x08",
    b"K\x01",
    b"K\x00",
)
FORGED_ARRAYS = {
    "objects": b"cnumpy.core.multiarray\nscalar\n(" + _dtype() + b"C\x08AAAAAAAAtR",
    "objects with flags of numbers": b"cnumpy.core.multiarray\nscalar\n("
    + _dtype(b"K\x03", text("|"), b"N", b"N", b"N", b"J\xff\xff\xff\xff", b"J\xff\xff\xff\xff", b"K\x00")
    + b"C\x08AAAAAAAAtR",
    "a type with fields": b"cnumpy.core.numeric\n_frombuffer\n(C\x08AAAAAAAA" + _dtype(*FIELDS)
    + b"(K\x01t" + text("C") + b"tR",
    "a buffer that is too small": b"cnumpy.core.numeric\n_frombuffer\n(C\x08AAAAAAAAcnumpy\ndtype\n("
    + text("f8") + b"tR(K\x02t" + text("C") + b"tR",
    "a negative shape": b"cnumpy.core.numeric\n_frombuffer\n(C\x08AAAAAAAAcnumpy\ndtype\n("
    + text("f8") + b"tR(J\xff\xff\xff\xfft" + text("C") + b"tR",
    "a shape beyond 2^63": b"cnumpy.core.numeric\n_frombuffer\n(C\x00cnumpy\ndtype\n("
    + text("f8") + b"tR(\x8a\x09" + b"\xff" * 8 + b"\x00t" + text("C") + b"tR",
}  # fmt: skip


@pytest.mark.parametrize("what", FORGED_ARRAYS)
def test_a_forged_array_is_unreadable_and_the_rest_is_read(what: str) -> None:
    content = load_bare(b"}" + text("a") + FORGED_ARRAYS[what] + b"s" + text("b") + b"K\x01s.")
    assert isinstance(content["a"], Unreadable)
    assert content["b"] == 1


def test_an_array_is_not_created_by_its_class() -> None:
    content = load_bare(b"cnumpy\nndarray\n((K\x01t" + _dtype() + b"C\x08AAAAAAAAtR.")
    assert isinstance(content, StandIn)
    record = load_bare(pickle.dumps(__import__("numpy").arange(3), 2))
    assert isinstance(record, ArrayRecord)


FORGED_TENSORS = {
    "beyond its storage": (b"K\x00(K\x02t(K\x09t", "it ends at element 10 of a storage of 4"),
    "an offset beyond": (b"K\x05(K\x01t(K\x01t", "it ends at element 6 of a storage of 4"),
    "a negative offset": (b"J\xff\xff\xff\xff(K\x01t(K\x01t", "its offset or strides are invalid"),
    "a negative stride": (b"K\x00(K\x02t(J\xff\xff\xff\xfft", "its shape or strides are invalid"),
    "too many strides": (b"K\x00(K\x02t(K\x01K\x01t", "its offset or strides are invalid"),
    "too many repetitions": (
        b"K\x00(\x8a\x06\0\0\0\0\0\x01t(K\x00t",
        "that repeats its elements: 4398",
    ),
}


@pytest.mark.parametrize("what", FORGED_TENSORS)
def test_a_forged_tensor_is_refused(tmp_path: Path, what: str) -> None:
    view, message = FORGED_TENSORS[what]
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE + b"K\x04tQ" + view + b"\x89NtR"
    parts = [pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {})]
    storages = pickle.dumps(["0"], 2) + struct.pack("<Q4f", 4, 1, 2, 3, 4)
    (tmp_path / "a.pth").write_bytes(b"".join([*parts, b"}" + text("a") + tensor + b"s.", storages]))
    with pytest.raises(CheckpointError, match=message):
        read(tmp_path / "a.pth")


def _memo(index: int) -> bytes:
    return b"h" + bytes([index])


LAUGHS = b"(l" + b"".join(b"q" + bytes([index]) + b"0(" + _memo(index) * 10 + b"l" for index in range(12))
"""Lists of ten lists, nested twelve deep, whose text would have 10^12 characters (billion laughs)."""
NESTED = b")" + b"\x85" * 200_000
OBJECTS = "objects of a pickle"
MANY = {
    "sets": (b"\x80\x04(" + b"\x8f" * 50_000 + b"t.", OBJECTS),
    "dictionaries": (b"(" + b"}NNs" * 50_000 + b"t.", OBJECTS),
    "memo entries": (b"\x80\x04N" + b"\x94" * 50_000 + b".", OBJECTS),
    "keys": (
        b"}(" + b"G" + struct.pack(">d", 0.5) + (b"N" + b"G" + struct.pack(">d", 0.5)) * 9_999 + b"Nu.",
        OBJECTS,
    ),
    "text of arrays": (
        b"cnumpy.core.numeric\n_frombuffer\nq\x000"
        + text("a" * 50_000)
        + b"q\x010cnumpy\ndtype\n("
        + text("u1")
        + b"tRq\x020"
        + (b"h\x00(h\x01h\x02(M\x50\xc3t" + text("C") + b"tR0") * 100
        + b"N.",
        "arrays of a pickle",
    ),
    "text that is not UTF-8": (
        b"\x80\x04X" + struct.pack("<I", 400_000) + "😀".encode() + b"\xff" * 399_996 + b".",
        "text of a pickle",
    ),
    "calls": (b"cnumpy.core.multiarray\n_reconstruct\nq\x000(" + b"h\x00)R" * 50_000 + b"t.", OBJECTS),
    "classes": (b"(" + b"".join(b"cm\nf%d\n" % number for number in range(20_000)) + b"t.", OBJECTS),
    "stand-ins": (b"cos\nsystem\nq\x000(" + b"h\x00)R" * 50_000 + b"t.", OBJECTS),
}


@pytest.mark.parametrize("what", MANY)
def test_the_objects_of_a_small_pickle_are_limited(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "BASE_BYTES", 1 << 20)
    content, message = MANY[what]
    with pytest.raises(PickleError, match=rf"memory including {message}: \d+, at most \d+ allowed"):
        load_bare(content)


HEAD = b"".join(pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, {}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(MAGIC, 2) + LAUGHS + b"." + pickle.dumps({}, 2) * 3, "its version is not a number"),
        (pickle.dumps(MAGIC, 2) + NESTED + b"." + pickle.dumps({}, 2) * 3, "its version is not a number"),
        (HEAD + b"}.(" + LAUGHS + b"l.", "it has no list of storages"),
    ],
    ids=["a version of 10^12 characters", "a nested version", "a key of 10^12 characters"],
)
def test_messages_do_not_contain_nested_values(content: bytes, message: str) -> None:
    with pytest.raises(PickleError, match=message):
        load_bare(content)


@pytest.mark.parametrize(
    "content",
    [
        b"c_codecs\nencode\n(" + text("x") + NESTED + b"tR.",
        b"cnumpy\ndtype\n(" + text("f4") + b"tR(K\x03" + NESTED + b"NNNNNNtb.",
        b"}" + NESTED + b"Ns.",
    ],
    ids=["an encoding", "a byte order", "a key"],
)
def test_nested_tuples_are_never_hashed(content: bytes) -> None:
    load_bare(content)  # computing the hash would overflow the stack of the process


@pytest.mark.parametrize("key", [(1 << 12) + 7, -(1 << 61), 0.5, 2.0**61])
def test_numbers_with_predictable_hashes_are_not_used_as_keys(key: float) -> None:
    (used,) = load_bare(pickle.dumps({key: None}, 2))
    assert isinstance(used, StandIn) and used.arguments == (key,)


def test_memo_entries_may_be_sparse() -> None:
    assert load_bare(
        b"\x80\x04K\x05r"
        + struct.pack("<I", 4_000_000)
        + b"0K\x06\x940j"
        + struct.pack("<I", 4_000_000)
        + b"h\x01\x86."
    ) == (5, 6)


def test_keys_with_equal_hashes_do_not_slow_reading_down() -> None:
    keys = list(itertools.product((-1, -2), repeat=12))
    assert len({hash(key) for key in keys}) == 1
    content = load_bare(b"}(" + b"".join(pickle.dumps(key, 2)[2:-1] + b"N" for key in keys) + b"u.")
    assert len(content) == len(keys)
    assert not any(isinstance(key, tuple) for key in content)
