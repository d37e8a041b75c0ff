"""Files of joints in every format, as people have them, and those that cannot be read."""

from __future__ import annotations

import json
import pickle
import re
import struct
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from posedeploy import npy_files
from posedeploy.errors import InputError, MissingPackageError
from posedeploy.poses.file_joint_sets import KNOWN_SETS
from posedeploy.predict.joint_files import matlab
from posedeploy.predict.joint_files.joint_content import JointsContent, gather
from posedeploy.predict.joint_files.joint_formats import is_joints, read_joints
from posedeploy.predict.joint_files.joint_source import JointsFile, JointsOptions
from posedeploy.types import Array
from tests.support.bodies import synthetic_people

PEOPLE = synthetic_people("coco-17", 3, scored=True).round(3)
NAMES = KNOWN_SETS["coco-17"].joints


def read(path: Path, key: str | None = None, *, sequence: bool = False) -> JointsContent:
    return gather(read_joints(path, key, sequence=sequence), path.name)


def as_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document), encoding="utf-8")


def flat(person: Array) -> list[float]:
    values: list[float] = person.ravel().tolist()
    return values


def openpose(people: Array) -> dict[str, Any]:
    return {
        "version": 1.3,
        "people": [{"person_id": [-1], "pose_keypoints_2d": flat(each)} for each in people],
    }


def results(image: Any = 7) -> list[dict[str, Any]]:
    return [{"image_id": image, "category_id": 1, "keypoints": flat(each), "score": 0.9} for each in PEOPLE]


def annotations() -> dict[str, Any]:
    names = [name.replace("l_", "left_", 1).replace("r_", "right_", 1) for name in NAMES]
    people = [
        {"id": 5 + index, "image_id": 1, "category_id": 1, "keypoints": flat(each)}
        for index, each in enumerate(PEOPLE)
    ]
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}],
        "annotations": [*people, {"id": 9, "image_id": 1, "category_id": 3, "bbox": [0, 0, 5, 5]}],
        "categories": [{"id": 1, "name": "person", "keypoints": names}],
    }


def _instances() -> list[dict[str, Any]]:
    return [{"frame_id": 1, "instances": [{"keypoints": each.tolist()} for each in PEOPLE]}]


def wide(separator: str = ",", title: str = "{}_{}") -> str:
    header = [title.format(name, axis) for name in NAMES for axis in ("x", "y", "score")]
    rows = [header, *([str(value) for value in flat(each)] for each in PEOPLE)]
    return "\n".join(separator.join(row) for row in rows)


def long() -> str:
    rows = [
        f"{person},{name},{x},{y},{score}"
        for person, joints in enumerate(PEOPLE)
        for name, (x, y, score) in zip(NAMES, joints.tolist(), strict=True)
    ]
    return "\n".join(["person,joint,x,y,score", *rows])


def mat(path: Path, **content: Any) -> None:
    scipy.io.savemat(path, content)


WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "npy": ("a.npy", lambda path: np.save(path, PEOPLE)),
    "npy without a suffix": ("joints", lambda path: path.write_bytes(_npy(PEOPLE))),
    "npy, rows": ("a.npy", lambda path: np.save(path, PEOPLE.reshape(3, -1))),
    "npy, Fortran's order": ("a.npy", lambda path: np.save(path, np.asfortranarray(PEOPLE))),
    "npz": ("a.npz", lambda path: np.savez(path, keypoints=PEOPLE, ids=np.arange(3))),
    "npz, compressed": ("a.npz", lambda path: np.savez_compressed(path, PEOPLE)),
    "npz, scores apart": ("a.npz", lambda path: np.savez(path, pose=PEOPLE[..., :2], scores=PEOPLE[..., 2])),
    "npz beside objects": ("a.npz", lambda path: np.savez(path, joints=PEOPLE, meta=np.array({}, object))),
    "mat": ("a.mat", lambda path: mat(path, joints=PEOPLE, name="x")),
    "mat, compressed": ("a.mat", lambda path: scipy.io.savemat(path, {"j": PEOPLE}, do_compression=True)),
    "csv, rows": ("a.csv", lambda path: np.savetxt(path, PEOPLE.reshape(3, -1), delimiter=",")),
    "csv, semicolons": ("a.csv", lambda path: np.savetxt(path, PEOPLE.reshape(3, -1), delimiter=";")),
    "txt, spaces": ("a.txt", lambda path: np.savetxt(path, PEOPLE.reshape(3, -1))),
    "tsv": ("a.tsv", lambda path: np.savetxt(path, PEOPLE.reshape(3, -1), delimiter="\t")),
    "csv, decimal commas": ("a.csv", lambda path: path.write_text(wide(";").replace(".", ","))),
    "csv with a header": ("a.csv", lambda path: path.write_text(wide())),
    "csv, x_nose": ("a.csv", lambda path: path.write_text(wide(title="{1}_{0}"))),
    "csv, nose.x": ("a.csv", lambda path: path.write_text(wide(title="{0}.{1}"))),
    "csv in UTF-16 with CRLF": (
        "a.csv",
        lambda path: path.write_bytes(wide().replace("\n", "\r\n").encode("utf-16")),
    ),
    "csv, a row for each joint": ("a.csv", lambda path: path.write_text(long())),
    "OpenPose": ("a.json", lambda path: as_json(path, openpose(PEOPLE))),
    "OpenPose with a byte order mark": (
        "a.json",
        lambda path: path.write_text(json.dumps(openpose(PEOPLE)), encoding="utf-8-sig"),
    ),
    "COCO results": ("a.json", lambda path: as_json(path, results())),
    "COCO annotations": ("a.json", lambda path: as_json(path, annotations())),
    "AlphaPose": ("a.json", lambda path: as_json(path, results("a.jpg"))),
    "AlphaPose, cmu": (
        "a.json",
        lambda path: as_json(path, {"a.jpg": {"bodies": [{"joints": flat(each)} for each in PEOPLE]}}),
    ),
    "AlphaPose, open": ("a.json", lambda path: as_json(path, {"a.jpg": openpose(PEOPLE)})),
    "MMPose": (
        "a.json",
        lambda path: as_json(
            path,
            [
                {
                    "keypoints": each[:, :2].tolist(),
                    "keypoint_scores": each[:, 2].tolist(),
                    "bbox": [[0, 0, 1, 1]],
                }
                for each in PEOPLE
            ],
        ),
    ),
    "MMPose, frames": (
        "a.json",
        lambda path: as_json(
            path,
            {
                "instance_info": [
                    {"frame_id": 1, "instances": [{"keypoints": each.tolist()} for each in PEOPLE]}
                ]
            },
        ),
    ),
    "list": ("a.json", lambda path: as_json(path, PEOPLE.tolist())),
    "list with a trailing comma": ("a.json", lambda path: path.write_text(f"{PEOPLE.tolist()}"[:-1] + ",]")),
    "lists by name": ("a.json", lambda path: as_json(path, {"joints": PEOPLE.tolist(), "fps": 30})),
}


def _npy(array: Array) -> bytes:
    from io import BytesIO

    stream = BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_the_same_people(form: str, tmp_path: Path) -> None:
    name, write = WRITERS[form]
    write(tmp_path / name)
    assert is_joints(tmp_path / name)
    content = read(tmp_path / name)
    assert len(content.frames) == 1
    np.testing.assert_allclose(content.people, PEOPLE, atol=1e-9)


def test_shapes_and_sequences(tmp_path: Path) -> None:
    for array, sequence, frames, people in (
        (PEOPLE[0], False, 1, 1),
        (PEOPLE[0, :, :2], True, 1, 1),
        (PEOPLE, False, 1, 3),
        (PEOPLE, True, 3, 3),
        (np.stack([PEOPLE] * 4), True, 4, 12),
        (PEOPLE[None], False, 1, 3),
        (PEOPLE.astype(np.float32), False, 1, 3),
        (PEOPLE.round().astype(np.int16), False, 1, 3),
    ):
        np.save(tmp_path / "a.npy", array)
        content = read(tmp_path / "a.npy", sequence=sequence)
        assert (len(content.frames), len(content.people)) == (frames, people)


@pytest.mark.parametrize("count", [1, 5])
def test_matlabs_users_have_people_last(count: int, tmp_path: Path) -> None:
    people = synthetic_people("lsp14", count, scored=True)
    mat(tmp_path / "a.mat", joints=people.T if count > 1 else people[0].T)
    np.testing.assert_array_equal(read(tmp_path / "a.mat").people, people)


def test_a_folder_of_openposes_files_is_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 2):
        as_json(tmp_path / f"clip_{number}_keypoints.json", openpose(PEOPLE[: number % 3]))
    (tmp_path / "notes.json").write_text("{}")
    assert is_joints(tmp_path)
    content = read(tmp_path)
    assert [frame.name for frame in content.frames] == [
        f"clip_{number}_keypoints.json" for number in (2, 9, 10)
    ]
    assert [len(frame.people) for frame in content.frames] == [2, 0, 1]
    assert "notes.json: not an OpenPose file; left out" in content.remarks[0]
    (tmp_path / "a.png").touch()
    assert not is_joints(tmp_path)


def test_coco_says_names_sizes_and_who_is_no_person(tmp_path: Path) -> None:
    as_json(tmp_path / "a.json", annotations())
    content = read(tmp_path / "a.json")
    (frame,) = content.frames
    assert (frame.name, frame.size, frame.people[1].label) == ("a.jpg", (640, 480), "annotation 6")
    assert content.names is not None and content.names[5] == "left_shoulder"
    assert content.remarks == ("a.json: 1 entry of other categories ignored",)


def test_times_in_a_table_make_a_sequence(tmp_path: Path) -> None:
    header, *rows = wide().split("\n")
    rows = [f"{time},{row}" for time, row in zip((0.0, 0.5, 0.1), rows, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join([f"time_s,{header}", *rows]))
    content = read(tmp_path / "a.csv")
    assert content.is_sequence
    assert content.remarks == (
        "a.csv: line 4: the time 0.1 s is before the 0.5 s of line 3; the frames are sorted by time",
    )
    assert [frame.time_s for frame in content.frames] == [0.0, 0.1, 0.5]
    assert content.frames[1].people[0].joints.tolist() == PEOPLE[2].tolist()


@pytest.mark.parametrize(
    "missing",
    [(0, 0, 0), (50, 60, 0), (np.nan, 60, 0.9), (50, 60, np.nan), (-1, -1, -1), (0, 0, 0.9), (9, 9, -1)],
)
def test_a_missing_joint_is_marked(missing: tuple[float, ...], tmp_path: Path) -> None:
    people = PEOPLE.copy()
    people[1, 4] = missing
    np.save(tmp_path / "a.npy", people)
    found = read(tmp_path / "a.npy").people
    assert found[1, 4].tolist() == [0, 0, -1]
    assert (found[..., 2] < 0).sum() == 1


def test_null_and_nan_in_json_are_missing_joints(tmp_path: Path) -> None:
    text = json.dumps(PEOPLE.tolist())
    x = json.dumps(PEOPLE[0, 0, 0])
    for value in ("null", "NaN"):
        (tmp_path / "a.json").write_text(text.replace(x, value, 1))
        assert read(tmp_path / "a.json").people[0, 0].tolist() == [0, 0, -1]


def test_one_odd_entry_is_left_out_and_told(tmp_path: Path) -> None:
    entries = results()
    entries[0]["keypoints"] = entries[0]["keypoints"][:-3]
    del entries[1]["keypoints"]
    as_json(tmp_path / "a.json", [*entries, *results(), {"image_id": 7, "category_id": 2}])
    content = read(tmp_path / "a.json")
    assert len(content.people) == 4
    assert content.remarks == (
        "a.json: 1 entry of other categories ignored",
        "a.json: entry 1 is left out: no 'keypoints'",
        "a.json: entry 0 is left out: 16 joints; expected 17, as for most people",
    )
    lines = wide().split("\n")
    (tmp_path / "a.csv").write_text("\n".join([*lines[:2], "1,2", lines[2].replace(",", ",x,", 1), lines[3]]))
    content = read(tmp_path / "a.csv")
    assert len(content.people) == 2
    assert content.remarks == (
        "a.csv: line 3 is left out: 2 cells; expected 51, as in the header",
        "a.csv: line 4 is left out: 52 cells; expected 51, as in the header",
    )


def test_of_several_arrays_one_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", left=PEOPLE, right=PEOPLE[::-1], odd=np.zeros(3))
    assert read(tmp_path / "a.npz", "right").people.tolist() == PEOPLE[::-1].tolist()
    message = r"2 arrays have the shape of joints.*its arrays are left \(3, 17, 3\), right \(3, 17, 3\), odd"
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"`joints_key=up`: .*a\.npz has no such array; its arrays are left"):
        read(tmp_path / "a.npz", "up")


def _bomb(path: Path, shape: str) -> None:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
        archive.writestr("joints.npy", content + bytes(1000))


def _objects(path: Path) -> None:
    np.save(path, np.array({"a": 1}, object), allow_pickle=True)


BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("none.npy", lambda path: None, r"none\.npy: no such file; name a file of 2D joints"),
    "empty": ("a.npy", lambda path: path.touch(), "the file is empty"),
    "text as npy": (
        "a.npy",
        lambda path: path.write_text("joints"),
        r"a\.npy: damaged, or not an array of numbers",
    ),
    "cut off": (
        "a.npy",
        lambda path: path.write_bytes(_npy(PEOPLE)[:-20]),
        r"cut off: 1,224 bytes by its header",
    ),
    "objects": ("a.npy", _objects, "holds Python objects, which posedeploy never unpickles"),
    "objects in npz": (
        "a.npz",
        lambda path: np.savez(path, positions_2d=np.array({}, object)),
        "positions_2d holds Python objects, which posedeploy never unpickles; save the joints as an array",
    ),
    "a pickle": (
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
        "271,999,999,728 bytes by its header, and an ar",
    ),
    "npz, cut off": (
        "a.npz",
        lambda path: _bomb(path, "(200, 17, 2)"),
        "cut off: 54,400 bytes by its header, and it",
    ),
    "no zip": (
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
    "no JSON": (
        "a.json",
        lambda path: path.write_text("[[1, 2"),
        "not a JSON file of 2D joints: line 1, column 7",
    ),
    "a page": ("a.json", lambda path: path.write_text("<html>"), "an HTML page; it is often a download"),
    "other JSON": (
        "a.json",
        lambda path: as_json(path, {"a": 1}),
        "unknown form of joints; expected an OpenPose file",
    ),
    "JSON of words": (
        "a.json",
        lambda path: as_json(path, ["a", "b"]),
        "malformed list of joints: could not",
    ),
    "OpenPose without people": (
        "a.json",
        lambda path: as_json(path, openpose(PEOPLE[:0])),
        "a.json: no people in the file",
    ),
    "OpenPose's hands": (
        "a.json",
        lambda path: as_json(path, {"people": [{"hand_left_keypoints_2d": []}]}),
        "no people in the file; a.json: person 0 is left out: no pose_keypoints_2d",
    ),
    "empty table": ("a.csv", lambda path: path.write_text("\n\n"), "the file is empty"),
    "another table": (
        "a.csv",
        lambda path: path.write_text("a,b\n1,2"),
        "no columns of joints in a, b; expected, for",
    ),
    "odd table": (
        "a.csv",
        lambda path: path.write_text("1,2,3,4,5,6,7"),
        "7 numbers per row fit no known joint set",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_read_is_refused_by_its_cause(what: str, tmp_path: Path) -> None:
    name, write, message = BAD[what]
    write(tmp_path / name)
    with pytest.raises(InputError, match=message):
        read(tmp_path / name)


def test_a_key_for_what_has_no_names_is_refused(tmp_path: Path) -> None:
    for form in ("npy", "list", "csv, rows"):
        name, write = WRITERS[form]
        write(tmp_path / name)
        with pytest.raises(
            InputError, match=r"`joints_key=x`: .* without a(rrays)? ?na?|without a name|named arrays"
        ):
            read(tmp_path / name, "x")


def test_large_arrays_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npy_files, "MAX_ARRAY_BYTES", 1000)
    np.save(tmp_path / "a.npy", PEOPLE)
    np.savez(tmp_path / "a.npz", joints=PEOPLE)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(
            InputError, match="1,224 bytes by its header, and an array of joints may have 1,000"
        ):
            read(tmp_path / name)


ODD_JSON: tuple[tuple[Any, str], ...] = (
    (annotations() | {"images": 5, "categories": [[], {"id": "x"}]}, ""),
    (annotations() | {"images": [{"id": 1, "frame": -1}, {"id": [], "width": "x"}]}, ""),
    (annotations() | {"annotations": [*annotations()["annotations"], None, {"image_id": [1]}]}, "image_id"),
    ([*results(), *results(10**400)], r"entry 3 is left out: image_id 1000+; expected a number or a name"),
    (
        [*results(), {"image_id": True, "category_id": 1, "keypoints": "x"}],
        "image_id True; expected a number",
    ),
    ({"people": [*openpose(PEOPLE)["people"], "x", {"pose_keypoints_2d": [1, 2]}]}, "person 3 is left out"),
    (
        {"instance_info": [{"frame_id": "x", "instances": []}, *_instances()]},
        "frame 0 of the list is left out",
    ),
)


@pytest.mark.parametrize(("document", "remark"), ODD_JSON)
def test_odd_parts_of_json_do_not_stop_the_rest(document: Any, remark: str, tmp_path: Path) -> None:
    as_json(tmp_path / "a.json", document)
    content = read(tmp_path / "a.json")
    assert len(content.people) == 3
    assert re.search(remark, " ".join(content.remarks))


def test_ids_far_apart_are_no_times(tmp_path: Path) -> None:
    for ids, times in (([3, 4, 7], [0, 0.1, 0.4]), ([139, 285, 90000], [0, 0.1, 0.2])):
        entries = [entry | {"image_id": number} for number, entry in zip(ids, results(), strict=True)]
        as_json(tmp_path / "a.json", entries)
        source = JointsFile(tmp_path / "a.json", JointsOptions(is_sequence=True, fps=10.0))
        assert [frame.time_s for frame in source] == pytest.approx(times)


@pytest.mark.parametrize(
    ("names", "times"),
    [
        ([f"v_{number}_keypoints.json" for number in (3, 5, 10)], [0, 0.2, 0.7]),
        ([f"2024_{number:012}_body25.json" for number in (0, 1, 3)], [0, 0.1, 0.3]),
        (["v_1000_keypoints.json", "v_1_keypoints.json"], [0, 0.1]),
        (["cam1_1_keypoints.json", "cam2_7_keypoints.json"], [0, 0.1]),
        (["left.json", "right.json"], [0, 0.1]),
    ],
)
def test_openposes_files_are_numbered_by_their_names(
    names: list[str], times: list[float], tmp_path: Path
) -> None:
    for name in names:
        as_json(tmp_path / name, openpose(PEOPLE[:1]))
    source = JointsFile(tmp_path, JointsOptions(is_sequence=True, fps=10.0))
    frames = list(source)
    assert [frame.time_s for frame in frames] == pytest.approx(times)
    has_numbers = times[-1] > 0.1
    assert (
        has_numbers or "frames have no numbers that increase in steps of about 1 to 10" in source.remarks[0]
    )
    if has_numbers:
        assert [frame.index - frames[0].index for frame in frames] == [round(10 * time) for time in times]


def test_a_broken_file_or_row_leaves_a_gap_in_a_sequence(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    folder.mkdir()
    for number in range(4):
        as_json(folder / f"v_{number:012}_keypoints.json", openpose(PEOPLE[:1]))
    (folder / "v_000000000002_keypoints.json").write_text("{")
    rows = [",".join(map(str, flat(PEOPLE[0])))] * 4
    rows[2] = "x"
    (tmp_path / "rows.csv").write_text("\n".join(rows))
    (tmp_path / "titled.csv").write_text("\n".join([wide().split("\n")[0], *rows]))
    for path in (folder, tmp_path / "rows.csv", tmp_path / "titled.csv"):
        source = JointsFile(path, JointsOptions(is_sequence=True, fps=10.0))
        times = [
            frame.time_s
            for frame, content in zip(source, source.content.frames, strict=True)
            if (content.people[0].joints[:, 2] > 0).any()
        ]
        assert times == pytest.approx([0, 0.1, 0.3]), path
        assert "left out" in source.content.remarks[0]


@pytest.mark.parametrize("time", ["x", "", "nan", "inf", "0:01"])
def test_a_row_whose_time_is_no_number_is_left_out_and_named(time: str, tmp_path: Path) -> None:
    header, *rows = wide().split("\n")
    rows = [f"{time},7,{row}" for time, row in zip((0.5, time, 9), rows, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join([f"time_s,file,{header}", *rows]))
    content = read(tmp_path / "a.csv")
    assert [frame.time_s for frame in content.frames] == [0.5, 9]
    assert content.remarks == (f"a.csv: line 3 is left out: the time {time!r}; expected a number of seconds",)


def test_a_column_of_times_without_any_is_ignored(tmp_path: Path) -> None:
    header, *rows = wide().split("\n")
    (tmp_path / "a.csv").write_text("\n".join([f"frame,time_s,{header}", *(f"0,,{row}" for row in rows)]))
    content = read(tmp_path / "a.csv")
    assert not content.is_sequence and len(content.people) == 3


def test_times_of_one_person_after_another_are_in_order(tmp_path: Path) -> None:
    header, *_ = wide().split("\n")
    rows = [
        f"{time},{person},{','.join(map(str, flat(PEOPLE[person])))}"
        for person in range(2)
        for time in ("0", "0.1")
    ]
    (tmp_path / "a.csv").write_text("\n".join([f"time_s,person,{header}", *rows]))
    content = read(tmp_path / "a.csv")
    assert content.remarks == ()
    assert [(frame.time_s, len(frame.people)) for frame in content.frames] == [(0, 2), (0.1, 2)]


def test_joints_that_a_table_repeats_are_no_person(tmp_path: Path) -> None:
    header, *rows = long().split("\n")
    (tmp_path / "a.csv").write_text("\n".join([header, *rows, "1,nose,1,2,0.5"]))
    content = read(tmp_path / "a.csv")
    assert content.people.tolist() == PEOPLE[[0, 2]].tolist()
    assert content.remarks == (
        "a.csv: the person from line 19 on is left out: line 53 repeats the joint nose of this frame "
        "and person; remove one of the two rows, or number several people of a frame in a column "
        "person",
    )
    unnumbered = [line.partition(",")[2] for line in (header, *rows)]
    (tmp_path / "a.csv").write_text("\n".join(unnumbered))
    with pytest.raises(
        InputError, match=r"no people in the file; a\.csv: the person from .* in a column person"
    ):
        read(tmp_path / "a.csv")


def test_without_scipy_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mat(tmp_path / "a.mat", joints=PEOPLE)
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.delitem(sys.modules, "posedeploy.predict.joint_files.matlab", raising=False)
    monkeypatch.delitem(sys.modules, "scipy.io")
    with pytest.raises(
        MissingPackageError, match=r"needs the package scipy, .* pip install 'posedeploy\[matlab\]'"
    ):
        read(tmp_path / "a.mat")


def test_images_of_many_sizes_do_not_stay_in_memory(tmp_path: Path) -> None:
    """Each frame's ground is made for it alone."""
    document = annotations()
    (person, *_) = document["annotations"]
    document["images"] = [
        {"id": index, "file_name": f"{index}.jpg", "width": 1000 + index, "height": 1000}
        for index in range(30)
    ]
    document["annotations"] = [person | {"id": index, "image_id": index} for index in range(30)]
    as_json(tmp_path / "a.json", document)
    source = JointsFile(tmp_path / "a.json")
    tracemalloc.start()
    try:
        assert sum(frame.image.shape[0] == 1000 for frame in source) == 30
        assert tracemalloc.get_traced_memory()[1] < 5 * 3 * 1030 * 1000
    finally:
        tracemalloc.stop()


def test_a_matlab_variable_that_is_larger_than_its_header_claims_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 MB became 3 GB."""
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
