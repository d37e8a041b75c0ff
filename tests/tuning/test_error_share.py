"""The error of a candidate as a share of the budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.pose_comparison import ImagePairs, PoseComparison
from posedeploy.tuning.error_share import measure_share


def image(values: Mapping[str, Sequence[float]], unmatched: int = 0, name: str = "a") -> ImagePairs:
    arrays = {measure: np.array(each, float) for measure, each in values.items()}
    return ImagePairs(name, 1, 0, 0, len(arrays.get("px", ())), unmatched, 0, arrays)


@pytest.mark.parametrize(
    ("budget", "share"),
    [
        (Budget(px=2.0), 0.5),
        (Budget(px=2.0, unmatched_percent=10.0), 2.0),
        (Budget(mm=4.0), 2.5),
        (Budget(mm=4.0, defaults=("mm",)), 1.25),
        (Budget(mm=8.0, unmatched_percent=20.0), 2.5),
        (Budget(oks=0.9), 3.0),
        (Budget(px=0.0), math.inf),
    ],
    ids=str,
)
def test_the_largest_share_of_a_limit_counts(budget: Budget, share: float) -> None:
    values = {"px": [1.0] * 4, "joint_mm": [3.0], "vertex_mm": [5.0], "oks": [0.7], "depth_mm": [10.0]}
    pairs = replace(image(values, unmatched=1), uncompared_joints=1)
    error = measure_share(budget, [pairs])
    assert error is not None
    assert error.value == pytest.approx(share)
    assert error.is_within == (share <= 1)


def test_a_limit_without_anything_to_compare_is_exceeded() -> None:
    error = measure_share(Budget(px=2.0, mm=1.0), [image({"px": [1.0]})])
    assert error is not None
    assert not error.is_within


def test_the_percentile_is_that_of_the_parity_report() -> None:
    rng = np.random.RandomState(4)
    images = [image({"px": rng.exponential(size=size)}) for size in (3, 17, 40, 1)]
    error = measure_share(Budget(px=1.0), images)
    assert error is not None
    assert error.value == PoseComparison(tuple(images)).summaries["px"].p95.value


def test_the_interval_covers_the_differences_between_images() -> None:
    images = [image({"px": [level] * 10}) for level in (0.1, 0.2, 0.3, 0.4, 3.0, 0.1, 0.2, 0.3)]
    error = measure_share(Budget(px=1.0), images)
    assert error is not None
    assert error.low < 1 < error.value == error.high == 3.0


def test_a_few_images_give_no_interval() -> None:
    error = measure_share(Budget(px=1.0), [image({"px": [5.0]})] * 3)
    assert error is not None
    assert (error.low, error.high) == (0, math.inf)


def test_images_without_people_give_no_error() -> None:
    assert measure_share(Budget(px=1.0), [ImagePairs("a", 0, 0, 0, 0, 0, 0, {})]) is None
