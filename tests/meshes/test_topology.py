from __future__ import annotations

import io
import os
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.meshes import topology
from posedeploy.meshes.topology import read_mesh
from posedeploy.pickles.reading import read_pickle
from posedeploy.pickles.values import StandIn
from posedeploy.types import Array
from tests.support.torus import torus

FACES = torus(4, 5)


def _obj(faces: Array) -> str:
    corners = ("{}", "{0}/1", "{0}//2", "{0}/1/2")
    lines = [
        "f " + " ".join(corners[row % 4].format(vertex + 1) for vertex in face)
        for row, face in enumerate(faces)
    ]
    return "\n".join(["# a torus", *["v 0 0 0"] * 20, "vn 0 0 1", *lines, ""])


def test_every_kind_of_file_gives_the_same_triangles(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", FACES.astype(np.uint32))
    np.savez(tmp_path / "b.npz", f=FACES, v_template=np.zeros((20, 3)), other=FACES[:4])
    np.savez(tmp_path / "c.npz", unnamed=FACES, weights=np.zeros((20, 24)))
    np.savez(tmp_path / "c2.npz", f=FACES, notes=np.array([{"made": "by others"}]))
    (tmp_path / "d.obj").write_text(_obj(FACES))
    for protocol in range(6):
        content = {"f": FACES, "name": "x", "scale": np.float32(2), "more": [1, 2.5, None]}
        (tmp_path / f"e{protocol}.pkl").write_bytes(pickle.dumps(content, protocol))
    (tmp_path / "f.pkl").write_bytes(pickle.dumps(FACES))
    files = sorted(tmp_path.iterdir())
    meshes = [read_mesh(path) for path in files]
    assert len(meshes) == 12
    for path, mesh in zip(files, meshes, strict=True):
        assert np.array_equal(mesh.faces, FACES), path
        assert (mesh.path, mesh.vertices, mesh.sha256) == (path, 20, meshes[0].sha256)


def test_vertices_of_an_obj_may_be_counted_from_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("v 0 0 0\n" * 4 + "f -4 -3 -2\nf 1 2 4\nf 2 3 4\nf 1 3 4\n")
    assert read_mesh(tmp_path / "a.obj").faces[0].tolist() == [0, 1, 2]


class _Runs:
    def __init__(self, function: Any, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_a_pickle_is_read_without_running_its_code(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    content = {"f": FACES, "x": _Runs(exec, f"open({str(marker)!r}, 'w')")}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content))
    assert np.array_equal(read_mesh(tmp_path / "a.pkl").faces, FACES)
    assert not marker.exists()


def test_the_other_content_of_smpls_file_is_not_rebuilt(tmp_path: Path) -> None:
    # From Python 2: protocol 0, an old-style sparse matrix with its state.
    sparse = (
        b"ccopy_reg\n_reconstructor\n(cscipy.sparse.csc\ncsc_matrix\nc__builtin__\nobject\nNtR(dS'a'\nI1\nsb"
    )
    array = pickle.dumps(FACES, 0)[:-1]
    (tmp_path / "a.pkl").write_bytes(b"(dS'J_regressor'\n" + sparse + b"sS'f'\n" + array + b"s.")
    content = read_pickle(tmp_path / "a.pkl")
    assert isinstance(content["J_regressor"], StandIn)
    assert np.array_equal(read_mesh(tmp_path / "a.pkl").faces, FACES)


@pytest.mark.parametrize("protocol", range(6))
def test_chumpys_arrays_are_not_rebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    # The arrays of chumpy 0.70 have sets of changed variables.
    array_class = type("Ch", (), {"__module__": "chumpy.ch"})
    monkeypatch.setitem(sys.modules, "chumpy", ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", ModuleType("chumpy.ch"))
    monkeypatch.setattr(sys.modules["chumpy.ch"], "Ch", array_class, raising=False)
    array = array_class()
    array.__dict__.update(x=np.ones((2, 3)), _dirty_vars={"x"}, _parents=frozenset({1}))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"shapedirs": array, "f": FACES}, protocol))
    assert isinstance(read_pickle(tmp_path / "a.pkl")["shapedirs"], StandIn)
    assert np.array_equal(read_mesh(tmp_path / "a.pkl").faces, FACES)


def _save(name: str, content: Any) -> Any:
    return lambda folder: np.save(folder / name, content)


def _compressed_with_zeros(folder: Path) -> None:
    np.savez_compressed(folder / "a.npz", f=FACES)
    content = bytearray((folder / "a.npz").read_bytes())
    content[60:100] = bytes(40)
    (folder / "a.npz").write_bytes(content)


def _encrypted(folder: Path) -> None:
    """Write an archive with a member that is flagged as encrypted."""
    np.savez(folder / "a.npz", f=FACES)
    content = bytearray((folder / "a.npz").read_bytes())
    central = content.rindex(b"PK\x01\x02")
    content[6] |= 1
    content[central + 8] |= 1
    (folder / "a.npz").write_bytes(content)


def _header(shape: str, kind: str = "'<i4'") -> Callable[[Path], Any]:
    """Return a function that writes a ``.npy`` file with this header and 24 bytes."""
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".ljust(500).encode() + b"\n"
    start = b"\x93NUMPY\x01\0" + struct.pack("<H", len(header))
    return lambda folder: (folder / "a.npy").write_bytes(start + header + bytes(24))


def _bomb(path: Path) -> None:
    """Write an archive of 30 kB with an array of 16 MB, whose header states 1.2 GB."""
    header = io.BytesIO()
    claimed = {"descr": "<i8", "fortran_order": False, "shape": (50 << 20, 3)}
    np.lib.format.write_array_header_1_0(header, claimed)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("faces.npy", header.getvalue() + bytes(16 << 20))


BAD = {
    "an image": (
        lambda folder: (folder / "a.png").write_bytes(b""),
        "not a file of triangles; expected .npy, .npz",
    ),
    "nothing": (lambda folder: None, r"a\.npy: no such file; pass a file of triangles for `mesh`"),
    "half a file": (
        lambda folder: (folder / "a.npy").write_bytes(b"\x93NUMPY"),
        r"^`mesh=.*a\.npy`: damaged, or not an array of numbers as numpy\.save writes it",
    ),
    "half an archive": (
        lambda folder: (folder / "a.npz").write_bytes(b"PK\x03\x04"),
        r"^`mesh=.*a\.npz`: damaged, or not an \.npz file as numpy\.savez",
    ),
    "an archive with zeros": (
        _compressed_with_zeros,
        "f is damaged",
    ),
    "half a pickle": (
        lambda folder: (folder / "a.pkl").write_bytes(pickle.dumps(FACES)[:-9]),
        r"a\.pkl`: not a complete pickle: it is truncated; copy it again",
    ),
    "a call": (
        lambda folder: (folder / "a.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR."),
        "0 arrays could be triangles; .* the file has no arrays",
    ),
    "faces of objects": (
        lambda folder: (folder / "a.pkl").write_bytes(pickle.dumps({"f": np.array([{}])})),
        "f cannot be read: an array that cannot be rebuilt .its elements are not plain numbers.; copy it",
    ),
    "a vertex beyond 2^63": (
        lambda folder: (folder / "a.obj").write_text(f"f 1 2 {10**30}\n"),
        "line 1: 1 2 10{30} is not a triangle; expected 3",
    ),
    "a shape beyond 2^63": (
        _header("(99999999999999999999999,)"),
        r"399,[9,]+6 bytes according to its header, but an array of triangles may",
    ),
    "a shape below zero": (_header("(-1, 3)"), r"damaged, .*its shape is \(-1, 3\)"),
    "a type in types": (_header("(1,)", "(" * 80 + ")" * 80), r"damaged, or not an array of numbers"),
    "an archive that becomes too large": (
        lambda folder: _bomb(folder / "a.npz"),
        r"faces\.npy: 1,258,291,200 bytes according to its header, but an array of triangles may have",
    ),
    "an encrypted archive": (_encrypted, r"a\.npz`: f is encrypted; copy it again"),
    "a pipe": (
        lambda folder: os.mkfifo(folder / "a.pkl"),
        r"a\.pkl: a named pipe, which posedeploy does not read; pass a file of triangles for `mesh`",
    ),
    "objects": (
        _save("a.npy", np.array([{}])),
        r"a\.npy`: holds Python objects, which posedeploy never unpickles; save the triangles as an",
    ),
    "vertices": (
        _save("a.npy", np.zeros((20, 3))),
        "an array of float64, 20x3; expected triangles, Nx3 whole numbers",
    ),
    "quads": (_save("a.npy", np.zeros((20, 4), int)), "an array of int64, 20x4; expected triangles"),
    "none": (_save("a.npy", np.zeros((0, 3), int)), "an array of int64, 0x3; expected triangles"),
    "a line": (_save("a.npy", np.array([[0, 1, 1]])), r"triangle 0 has a vertex twice: \[0, 1, 1\]"),
    "below zero": (_save("a.npy", np.array([[0, 1, -1]])), "has vertex -1; vertices are counted from 0"),
    "far": (
        _save("a.npy", np.array([[0, 1, 10**12]])),
        r"has vertex 1000000000000, but the 1 triangles do not .*; expected",
    ),
    "a gap": (
        _save("a.npy", np.array([[0, 1, 2], [1, 2, 4]])),
        "1 of 5 vertices are in no triangle, the first of them 3",
    ),
    "two": (
        lambda folder: np.savez(folder / "a.npz", a=FACES, b=FACES),
        "2 arrays could be triangles; expected one, or",
    ),
    "no arrays": (lambda folder: (folder / "a.pkl").write_bytes(pickle.dumps([1])), "the file has no arrays"),
    "corners": (
        lambda folder: (folder / "a.obj").write_text("v 0 0 0\nf 1 2 3 4\n"),
        "line 2: 1 2 3 4 is not a tri",
    ),
    "words": (
        lambda folder: (folder / "a.obj").write_text("f a b c\n"),
        "line 1: a b c is not a triangle; expected 3",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_without_a_mesh_is_refused(tmp_path: Path, what: str) -> None:
    make, message = BAD[what]
    make(tmp_path)
    path = next(tmp_path.iterdir(), tmp_path / "a.npy")
    with pytest.raises(InputError, match=message):
        read_mesh(path)


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.obj", "a.pkl"])
def test_the_hash_is_of_the_triangles_that_were_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file may change before the hash is computed."""
    path, others = tmp_path / name, torus(5, 6)

    def write(faces: Array) -> None:
        np.save(tmp_path / "a.npy", faces)
        np.savez(tmp_path / "a.npz", f=faces)
        (tmp_path / "a.obj").write_text(_obj(faces))
        (tmp_path / "a.pkl").write_bytes(pickle.dumps({"f": faces}))

    check = topology._check_faces

    def replace_file(*arguments: Any) -> Array:
        write(others)
        return check(*arguments)

    write(FACES)
    first = read_mesh(path)
    monkeypatch.setattr(topology, "_check_faces", replace_file)
    again = read_mesh(path)
    assert again.sha256 == first.sha256 and np.array_equal(again.faces, FACES)
    assert read_mesh(path).sha256 != first.sha256
