"""The finished steps of a search in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.benchmarks.footprint import Footprint
from posedeploy.benchmarks.pose_comparison import ImagePairs
from posedeploy.errors import InputError
from posedeploy.tuning.deadline import Deadline
from posedeploy.tuning.state import (
    STATE_NAME,
    CandidateRecord,
    FileRecord,
    PairsRecord,
    State,
    open_state,
    to_pairs,
    to_record,
)
from posedeploy.types import RuntimeInfo

SETTINGS = {"budget": "1 px", "device": "cpu", "images": ""}
PAIRS = ImagePairs(
    "día 1.jpg", 2, 0, 1, 30, 17, 0, {"px": np.array([0.25, np.inf]), "oks": np.zeros(0)}, 3, 4
)


def encode(**fields: Any) -> bytes:
    return State(settings=SETTINGS, **fields).encode()


def test_a_state_is_read_back(tmp_path: Path) -> None:
    record = CandidateRecord(
        footprint=Footprint(1.0, 2.0, 3.0, 4, {"package-0": 0.5}),
        runtime_info=RuntimeInfo("openvino", "2026.4", "CPU", "bf16", 2, {"layers": "9"}),
        pairs={"3": to_record(PAIRS)},
    )
    state = State(
        settings=SETTINGS,
        model_files={"a.xml": FileRecord("a.xml", seconds=1.5, size=9)},
        candidates={"openvino bf16": record},
        blocks=[{"pytorch": [0.5, 0.25]}],
    )
    state.save(tmp_path)
    assert open_state(tmp_path, SETTINGS) == state
    assert [path.name for path in tmp_path.iterdir()] == [STATE_NAME]


def test_the_people_of_an_image_are_read_back() -> None:
    pairs = to_pairs(to_record(PAIRS))
    assert (pairs.image, pairs.people, pairs.extra, pairs.unmatched_keypoints) == ("día 1.jpg", 2, 1, 17)
    np.testing.assert_array_equal(pairs.values["px"], [0.25, np.inf])
    assert len(pairs.values["oks"]) == 0
    assert (pairs.uncompared_joints, pairs.ambiguous_joints) == (3, 4)


def test_a_folder_without_a_state_starts_a_search(tmp_path: Path) -> None:
    assert open_state(tmp_path, SETTINGS) == State(settings=SETTINGS)


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    State(settings=SETTINGS).save(tmp_path)
    with pytest.raises(InputError) as refusal:
        open_state(tmp_path, SETTINGS | {"budget": "2 px", "images": "photos (2 files)"})
    assert str(refusal.value).endswith(
        "holds a search with other settings (budget: 1 px in the folder, 2 px in this command; "
        "images: none in the folder, photos (2 files) in this command); "
        "use the same settings to continue it, or pass another folder"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not the state of a search"),
        (b'{"settings": ', "not the state of a search"),
        (b'{"settings": {}, "blocks": 3}', "not the state of a search"),
        (b'{"settings": {}, "version": 9}', "found posedeploy.tune-state, version 9; expected"),
        (encode(blocks=[{"a": [1.0]}]), "not the state of a search: block 0 does not have the same number"),
        (encode(blocks=[{}]), "not the state of a search: block 0 does not have the same number"),
        (encode(blocks=[{"pytorch": [1.0], "a": [1.0, 2.0]}]), "block 0 does not have the same number"),
        (encode(blocks=[{"pytorch": [0.0]}]), "block 0 has a time that is not above 0"),
        (
            encode(
                candidates={"a": CandidateRecord(pairs={"0": PairsRecord("b.jpg", (1,) * 6, {"px": b"x"})})}
            ),
            "the errors of a on b.jpg are incomplete",
        ),
    ],
)
def test_a_damaged_state_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / STATE_NAME).write_bytes(content)
    with pytest.raises(InputError, match=reason) as refusal:
        open_state(tmp_path, SETTINGS)
    assert f"pass another folder, or delete {tmp_path / STATE_NAME} and" in str(refusal.value)


def test_the_time_limit_counts_from_the_start() -> None:
    readings = iter([100.0, 150.0, 150.0, 170.0, 210.0])
    deadline = Deadline(100.0, lambda: next(readings))
    assert not deadline.has_passed(0.6)
    assert deadline.has_passed(0.6, ahead_s=20.0)
    assert deadline.remaining_s == 30.0
    assert deadline.has_passed()
