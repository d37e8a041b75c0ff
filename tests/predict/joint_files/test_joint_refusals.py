"""Files of joints that are unreadable or too large."""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from posedeploy import npy_files
from posedeploy.errors import InputError
from posedeploy.predict.joint_files import matlab
from tests.predict.joint_files.joint_writers import PEOPLE, WRITERS, as_json, mat, npy_bytes, openpose, read


def _bomb(path: Path, shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
        archive.writestr("joints.npy", content + bytes(1000))


def _objects(path: Path) -> None:
    np.save(path, np.array({"a": 1}, object), allow_pickle=True)


BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("none.npy", lambda path: None, r"none\.npy: no such file; pass a file of 2D joints"),
    "empty": ("a.npy", lambda path: path.touch(), "the file is empty"),
    "text as npy": (
        "a.npy",
        lambda path: path.write_text("joints"),
        r"a\.npy: damaged, or not an array of numbers",
    ),
    "truncated": (
        "a.npy",
        lambda path: path.write_bytes(npy_bytes(PEOPLE)[:-20]),
        r"truncated: 1,224 bytes according to its header",
    ),
    "objects": ("a.npy", _objects, "holds Python objects, which posedeploy never unpickles"),
    "objects in npz": (
        "a.npz",
        lambda path: np.savez(path, positions_2d=np.array({}, object)),
        "positions_2d holds Python objects, which posedeploy never unpickles; save the joints as an array",
    ),
    "pickle": (
        "a.npy",
        lambda path: path.write_bytes(pickle.dumps(1)),
        "posedeploy never loads pickles",
    ),
    "words": ("a.npy", lambda path: np.save(path, np.array([["a"]])), "joints of type <U1; expected numbers"),
    "fields": ("a.npy", lambda path: np.save(path, np.zeros(3, [("x", "<f8")])), "expected numbers"),
    "flat": (
        "a.npy",
        lambda path: np.save(path, np.zeros(5)),
        r"joints of shape \(5,\); expected \(joints, 2\), ",
    ),
    "quaternions": (
        "a.npy",
        lambda path: np.save(path, np.ones((17, 4))),
        "4 numbers per row fit no known joint set",
    ),
    "nobody": (
        "a.npy",
        lambda path: np.save(path, np.zeros((0, 17, 2))),
        r"joints of shape \(0, 17, 2\); expected",
    ),
    "nobody, in rows": (
        "a.npy",
        lambda path: np.save(path, np.zeros((0, 51))),
        r"joints of shape \(0, 17, 3\); expected",
    ),
    "frames of people": (
        "a.npy",
        lambda path: np.save(path, np.stack([PEOPLE] * 2)),
        r"joints of shape \(2, 3, 17, 3\) are frames, people, joints, numbers; add `sequence`",
    ),
    "depths": (
        "a.npy",
        lambda path: np.save(path, PEOPLE * (1, 1, 1000)),
        "the score in the third column is 900; expected x px, y px and a score of at most 2, or only x and y",
    ),
    "depths about 0": (
        "a.npy",
        lambda path: np.save(path, PEOPLE * (1, 1, -0.5)),
        "the score in the third column is -0.45",
    ),
    "npz bomb": (
        "a.npz",
        lambda path: _bomb(path, "(999999999, 17, 2)"),
        "271,999,999,728 bytes according to its header, but an ar",
    ),
    "npz, truncated": (
        "a.npz",
        lambda path: _bomb(path, "(200, 17, 2)"),
        "truncated: 54,400 bytes according to its header, but it",
    ),
    "not a zip file": (
        "a.npz",
        lambda path: path.write_bytes(b"PK\x03\x04" + bytes(50)),
        "damaged, or not an .npz file",
    ),
    "MATLAB 7.3": (
        "a.mat",
        lambda path: path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512)),
        r"HDF5 files, such as those of MATLAB 7\.3, are not supported; save it in MATLAB",
    ),
    "MATLAB, cells": (
        "a.mat",
        lambda path: mat(path, annolist=np.array([{"a": 1}], object)),
        "annolist is a cell; save the joints as an array of numbers",
    ),
    "MATLAB, damaged": (
        "a.mat",
        lambda path: path.write_bytes(b"MATLAB 5.0" + bytes(300)),
        "damaged, or not a MATLAB",
    ),
    "not JSON": (
        "a.json",
        lambda path: path.write_text("[[1, 2"),
        "not a JSON file of 2D joints: line 1, column 7",
    ),
    "web page": ("a.json", lambda path: path.write_text("<html>"), "an HTML page; it is often a download"),
    "other JSON": (
        "a.json",
        lambda path: as_json(path, {"a": 1}),
        "unknown form of joints; expected an OpenPose file",
    ),
    "JSON of strings": (
        "a.json",
        lambda path: as_json(path, ["a", "b"]),
        "malformed list of joints: could not",
    ),
    "OpenPose without people": (
        "a.json",
        lambda path: as_json(path, openpose(PEOPLE[:0])),
        "a.json: no people in the file",
    ),
    "OpenPose hands": (
        "a.json",
        lambda path: as_json(path, {"people": [{"hand_left_keypoints_2d": []}]}),
        "no people in the file; a.json: person 0 is left out: no pose_keypoints_2d",
    ),
    "empty table": ("a.csv", lambda path: path.write_text("\n\n"), "the file is empty"),
    "table without joints": (
        "a.csv",
        lambda path: path.write_text("a,b\n1,2"),
        "no columns of joints in a, b; expected, for",
    ),
    "table with 7 columns": (
        "a.csv",
        lambda path: path.write_text("1,2,3,4,5,6,7"),
        "7 numbers per row fit no known joint set",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_an_unreadable_file_is_refused_with_the_cause(what: str, tmp_path: Path) -> None:
    name, write, message = BAD[what]
    write(tmp_path / name)
    with pytest.raises(InputError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize("form", ["npy", "npz"])
def test_a_large_array_is_refused_before_it_is_read(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npy_files, "MAX_ARRAY_BYTES", 1000)
    name, write = WRITERS[form]
    write(tmp_path / name)
    with pytest.raises(
        InputError, match=r"1,224 bytes according to its header, but .* joints may have at most 1,000"
    ):
        read(tmp_path / name)


def test_a_matlab_variable_larger_than_its_header_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 MB once became 3 GB."""
    monkeypatch.setattr(matlab, "MAX_ARRAY_BYTES", 1 << 20)
    size = 8 << 20
    head = struct.pack("<4I", 6, 8, 6, 0) + struct.pack("<2I2i", 5, 8, 17, 2)
    head += struct.pack("<2I8s2I", 1, 6, b"joints", 9, size)
    packed = zlib.compress(struct.pack("<2I", 14, len(head) + size) + head + bytes(size))
    start = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H2s", 0x100, b"IM")
    (tmp_path / "a.mat").write_bytes(start + struct.pack("<2I", 15, len(packed)) + packed)
    with pytest.raises(
        InputError,
        match=r"a\.mat: joints: too large when unpacked; expected at most 1,048,576 bytes for an array",
    ):
        read(tmp_path / "a.mat")
