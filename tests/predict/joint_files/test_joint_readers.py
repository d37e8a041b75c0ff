"""The same people are read from every format of joints and every array shape."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from posedeploy.errors import InputError, MissingPackageError
from posedeploy.predict.joint_files.joint_formats import is_joints
from posedeploy.types import Array
from tests.predict.joint_files.joint_writers import PEOPLE, WRITERS, annotations, as_json, mat, read
from tests.support.bodies import synthetic_people


@pytest.mark.parametrize("form", WRITERS)
def test_the_same_people_are_read_from_every_format(form: str, tmp_path: Path) -> None:
    name, write = WRITERS[form]
    write(tmp_path / name)
    assert is_joints(tmp_path / name)
    content = read(tmp_path / name)
    assert len(content.frames) == 1
    np.testing.assert_allclose(content.people, PEOPLE, atol=1e-9)


@pytest.mark.parametrize(
    ("array", "sequence", "frames", "people"),
    [
        (PEOPLE[0], False, 1, 1),
        (PEOPLE[0, :, :2], True, 1, 1),
        (PEOPLE, False, 1, 3),
        (PEOPLE, True, 3, 3),
        (np.stack([PEOPLE] * 4), True, 4, 12),
        (PEOPLE[None], False, 1, 3),
        (PEOPLE.astype(np.float32), False, 1, 3),
        (PEOPLE.round().astype(np.int16), False, 1, 3),
    ],
)
def test_the_first_axis_of_an_array_is_frames_or_people(
    array: Array, sequence: bool, frames: int, people: int, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", array)
    content = read(tmp_path / "a.npy", sequence=sequence)
    assert (len(content.frames), len(content.people)) == (frames, people)


@pytest.mark.parametrize("count", [1, 5])
def test_people_are_the_last_axis_of_matlab_arrays(count: int, tmp_path: Path) -> None:
    people = synthetic_people("lsp14", count, scored=True)
    mat(tmp_path / "a.mat", joints=people.T if count > 1 else people[0].T)
    np.testing.assert_array_equal(read(tmp_path / "a.mat").people, people)


def test_names_sizes_and_categories_of_coco_annotations_are_read(tmp_path: Path) -> None:
    as_json(tmp_path / "a.json", annotations())
    content = read(tmp_path / "a.json")
    (frame,) = content.frames
    assert (frame.name, frame.size, frame.people[1].label) == ("a.jpg", (640, 480), "annotation 6")
    assert content.names is not None and content.names[5] == "left_shoulder"
    assert content.remarks == ("a.json: 1 entry of other categories ignored",)


def test_one_of_several_arrays_is_selected_by_its_key(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", left=PEOPLE, right=PEOPLE[::-1], odd=np.zeros(3))
    assert read(tmp_path / "a.npz", "right").people.tolist() == PEOPLE[::-1].tolist()
    message = r"2 arrays have the shape of joints.*its arrays are left \(3, 17, 3\), right \(3, 17, 3\), odd"
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"`joints_key=up`: .*a\.npz has no such array; its arrays are left"):
        read(tmp_path / "a.npz", "up")


@pytest.mark.parametrize("form", ["npy", "list", "csv, rows"])
def test_a_key_for_a_file_without_names_is_refused(form: str, tmp_path: Path) -> None:
    name, write = WRITERS[form]
    write(tmp_path / name)
    with pytest.raises(
        InputError, match=r"`joints_key=x`: .* without a(rrays)? ?na?|without a name|named arrays"
    ):
        read(tmp_path / name, "x")


def test_the_error_about_missing_scipy_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mat(tmp_path / "a.mat", joints=PEOPLE)
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.delitem(sys.modules, "posedeploy.predict.joint_files.matlab", raising=False)
    monkeypatch.delitem(sys.modules, "scipy.io")
    with pytest.raises(
        MissingPackageError, match=r"needs the package scipy, .* pip install 'posedeploy\[matlab\]'"
    ):
        read(tmp_path / "a.mat")
