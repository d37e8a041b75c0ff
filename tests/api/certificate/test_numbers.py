from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

from posedeploy.api.certificate.numbers import compare_limited, count_numbers, list_changes, list_limited

RESULT: dict[str, Any] = {
    "label": "a.onnx",
    "passed": True,
    "tolerance": {"rtol": 1e-4, "px": 0.1, "mm": 1.0},
    "outputs": [
        {
            "name": "heatmaps",
            "max_relative": 1e-5,
            "max_relative_tolerance": 1e-4,
            "rms_relative": 1e-6,
            "rms_relative_tolerance": 1e-4,
        }
    ],
    "poses": {
        "people": 99,
        "missed": 0,
        "extra": 0,
        "error_px": 0.02,
        "error_mm": None,
        "error_vertices_mm": None,
    },
    "budget": None,
    "paired": {
        "unmatched_share": 0.01,
        "measures": {name: {"p95": {"value": value}} for name, value in (("px", 0.5), ("oks", 0.999))},
    },
}
BUDGET = {"px": 1.5, "mm": None, "oks": 0.99, "unmatched_percent": 2.0}


def test_without_a_budget_the_tolerances_limit_outputs_and_poses() -> None:
    limits = {each.name: each.limit for each in list_limited(RESULT)}
    assert limits == {
        "heatmaps: max_relative": 1e-4,
        "heatmaps: rms_relative": 1e-4,
        "poses: share of missed and extra people": 0.01,
        "poses: error_px": 0.1,
        "poses: error_mm": 1.0,
        "poses: error_vertices_mm": 1.0,
    }


def test_a_budget_limits_pairs_of_people_only() -> None:
    limits = {each.name: each.limit for each in list_limited({**RESULT, "budget": BUDGET})}
    assert limits == {
        "poses: unmatched_share": 0.02,
        "poses: px at the 95th percentile": 1.5,
        "poses: oks at the 95th percentile": pytest.approx(0.01),
    }


def test_a_budget_in_mm_limits_the_3d_joints_that_were_not_compared() -> None:
    paired = RESULT["paired"]
    recorded = {
        "budget": {**BUDGET, "px": None, "oks": None, "mm": 10.0},
        "paired": {**paired, "measures": {"joint_mm": {"count": 99, "p95": {"value": 2.0}}}},
    }
    now = copy.deepcopy(recorded)
    now["paired"]["uncompared_joints"] = 1
    shares = {each.name: each.share for each in compare_limited(recorded, now)}
    assert shares == {
        "poses: unmatched_share": 0.0,
        "poses: share of 3D joints not compared": pytest.approx(0.5),
        "poses: joint_mm at the 95th percentile": 0.0,
    }


def test_a_change_is_measured_in_shares_of_the_limit() -> None:
    now = copy.deepcopy(RESULT)
    now["outputs"][0]["max_relative"] = 1.5e-5
    shares = {each.name: each.share for each in compare_limited(RESULT, now)}
    assert shares["heatmaps: max_relative"] == pytest.approx(0.05)
    assert sum(share or 0.0 for share in shares.values()) == pytest.approx(0.05)


def test_the_smaller_of_two_limits_decides() -> None:
    recorded, now = copy.deepcopy(RESULT), copy.deepcopy(RESULT)
    recorded["outputs"][0] |= {"max_relative": 0.5, "max_relative_tolerance": 100}
    recorded["tolerance"] |= {"px": 100}
    recorded["poses"] |= {"error_px": 0.12}
    shares = {each.name: each.share for each in compare_limited(recorded, now)}
    assert shares["heatmaps: max_relative"] == pytest.approx(5000, rel=1e-3)
    assert shares["poses: error_px"] == pytest.approx(1.0)


@pytest.mark.parametrize("field", ["missed", "extra"])
def test_missed_and_extra_people_are_limited(field: str) -> None:
    now = copy.deepcopy(RESULT)
    now["poses"][field] = 1
    shares = {each.name: each.share for each in compare_limited(RESULT, now)}
    assert shares["poses: share of missed and extra people"] == pytest.approx(1.0)


def remove_output(result: dict[str, Any]) -> None:
    result["outputs"] = []


def lose_number(result: dict[str, Any]) -> None:
    result["poses"]["error_px"] = None


def gain_number(result: dict[str, Any]) -> None:
    result["poses"]["error_mm"] = 0.5


@pytest.mark.parametrize("change", [remove_output, lose_number, gain_number])
def test_a_number_on_one_side_only_is_an_infinite_change(change: Callable[[dict[str, Any]], None]) -> None:
    now = copy.deepcopy(RESULT)
    change(now)
    assert max(each.share or 0.0 for each in compare_limited(RESULT, now)) == math.inf


def test_every_changed_value_is_listed_with_its_path() -> None:
    now = copy.deepcopy(RESULT)
    now["label"] = "moved/a.onnx"
    now["outputs"][0]["max_relative"] = 2e-5
    now["stages"] = [{"passed": False}]
    changes = [(each.name, each.recorded, each.now) for each in list_changes(RESULT, now)]
    assert changes == [
        ("outputs[0].max_relative", 1e-5, 2e-5),
        ("stages", None, [{"passed": False}]),
    ]


def test_numbers_are_counted_in_new_fields_too() -> None:
    before = count_numbers(RESULT)
    assert count_numbers({**RESULT, "jitter": {"px": [0.1, 0.2], "is_measured": True}}) == before + 2
