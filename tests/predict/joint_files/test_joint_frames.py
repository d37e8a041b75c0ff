"""Frames of a file or folder of joints: order, times, gaps and memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from posedeploy.errors import InputError
from posedeploy.predict.joint_files.joint_formats import is_joints
from posedeploy.predict.joint_files.joint_source import JointsFile, JointsOptions
from tests.predict.joint_files.joint_writers import (
    PEOPLE,
    annotations,
    as_json,
    flat,
    openpose,
    read,
    results,
    wide,
)


def test_openpose_files_of_a_folder_are_sorted_by_number(tmp_path: Path) -> None:
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
    (tmp_path / "a.png").rename(tmp_path / "without suffix")
    assert is_joints(tmp_path)
    (tmp_path / "without suffix").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    assert not is_joints(tmp_path), "sidecar files of images"


def test_a_table_with_times_is_a_sequence(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("start", [1_700_000_000.25, -4.0])
def test_times_of_another_clock_are_counted_from_the_first(start: float, tmp_path: Path) -> None:
    header, *rows = wide().split("\n")
    path = tmp_path / "a.csv"
    lines = [f"{start + index / 4},{row}" for index, row in enumerate(rows)]
    path.write_text("\n".join([f"timestamp,{header}", *lines]))
    source = JointsFile(path)
    assert [frame.time_s for frame in source] == [0, 0.25, 0.5]
    assert source.remarks == [f"a.csv: its times start at {start:.3f} s and are counted from there"]
    path.write_text("\n".join([f"timestamp,{header}", f"5,{rows[0]}", f"1e9,{rows[1]}"]))
    with pytest.raises(InputError, match=r"a\.csv: its times span 1e\+09 s; expected at most 1e\+07 s; conv"):
        JointsFile(path)
    assert [frame.time_s for frame in JointsFile(path, JointsOptions(is_sequence=True, fps=10.0))] == [0, 0.1]


@pytest.mark.parametrize(("ids", "times"), [([3, 4, 7], [0, 0.1, 0.4]), ([139, 285, 90000], [0, 0.1, 0.2])])
def test_only_nearly_consecutive_ids_are_frame_numbers(
    ids: list[int], times: list[float], tmp_path: Path
) -> None:
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
def test_openpose_files_are_numbered_by_their_names(
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


def _folder_with_a_broken_file(path: Path) -> None:
    path.mkdir()
    for number in range(4):
        as_json(path / f"v_{number:012}_keypoints.json", openpose(PEOPLE[:1]))
    (path / "v_000000000002_keypoints.json").write_text("{")


ROWS = [",".join(map(str, flat(PEOPLE[0])))] * 2 + ["x"] + [",".join(map(str, flat(PEOPLE[0])))]
BROKEN: dict[str, Callable[[Path], object]] = {
    "v": _folder_with_a_broken_file,
    "rows.csv": lambda path: path.write_text("\n".join(ROWS)),
    "titled.csv": lambda path: path.write_text("\n".join([wide().split("\n")[0], *ROWS])),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_or_row_leaves_a_gap_in_a_sequence(name: str, tmp_path: Path) -> None:
    BROKEN[name](tmp_path / name)
    source = JointsFile(tmp_path / name, JointsOptions(is_sequence=True, fps=10.0))
    times = [
        frame.time_s
        for frame, content in zip(source, source.content.frames, strict=True)
        if (content.people[0].joints[:, 2] > 0).any()
    ]
    assert times == pytest.approx([0, 0.1, 0.3])
    assert "left out" in source.content.remarks[0]


@pytest.mark.parametrize("time", ["x", "", "nan", "inf", "0:01"])
def test_a_row_without_a_valid_time_is_skipped_and_reported(time: str, tmp_path: Path) -> None:
    header, *rows = wide().split("\n")
    rows = [f"{time},7,{row}" for time, row in zip((0.5, time, 9), rows, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join([f"time_s,file,{header}", *rows]))
    content = read(tmp_path / "a.csv")
    assert [frame.time_s for frame in content.frames] == [0.5, 9]
    assert content.remarks == (f"a.csv: line 3 is left out: the time {time!r}; expected a number of seconds",)


def test_an_empty_column_of_times_is_ignored(tmp_path: Path) -> None:
    header, *rows = wide().split("\n")
    (tmp_path / "a.csv").write_text("\n".join([f"frame,time_s,{header}", *(f"0,,{row}" for row in rows)]))
    content = read(tmp_path / "a.csv")
    assert not content.is_sequence and len(content.people) == 3


def test_times_that_restart_for_each_person_are_sorted(tmp_path: Path) -> None:
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


def test_backgrounds_are_not_kept_in_memory(tmp_path: Path) -> None:
    """Each frame's background is created when the frame is read."""
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
