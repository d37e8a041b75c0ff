"""Missing joints, and invalid entries that are skipped."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.errors import InputError
from tests.predict.joint_files.joint_writers import (
    PEOPLE,
    annotations,
    as_json,
    long,
    openpose,
    read,
    results,
    wide,
)


def _instances() -> list[dict[str, Any]]:
    return [{"frame_id": 1, "instances": [{"keypoints": each.tolist()} for each in PEOPLE]}]


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


@pytest.mark.parametrize("value", ["null", "NaN"])
def test_null_and_nan_in_json_are_missing_joints(value: str, tmp_path: Path) -> None:
    text = json.dumps(PEOPLE.tolist()).replace(json.dumps(PEOPLE[0, 0, 0]), value, 1)
    (tmp_path / "a.json").write_text(text)
    assert read(tmp_path / "a.json").people[0, 0].tolist() == [0, 0, -1]


def test_an_invalid_entry_is_skipped_and_reported(tmp_path: Path) -> None:
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
def test_invalid_parts_of_json_are_skipped(document: Any, remark: str, tmp_path: Path) -> None:
    as_json(tmp_path / "a.json", document)
    content = read(tmp_path / "a.json")
    assert len(content.people) == 3
    assert re.search(remark, " ".join(content.remarks))


def test_a_person_with_repeated_joints_is_skipped(tmp_path: Path) -> None:
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
