"""Budgets of pose differences: parsing and verdicts."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from posedeploy.api.parity_options import ParityOptions
from posedeploy.benchmarks.budget import Budget, parse_budget
from posedeploy.benchmarks.pose_comparison import PoseComparison, pair_people
from posedeploy.benchmarks.tolerances import TOLERANCES, Tolerance
from posedeploy.errors import InputError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.types import Poses
from tests.support.networks import tiny_model
from tests.support.properties import KEYPOINTS, moved, people

NAMES = JOINT_SETS["coco-17"].joints
NOBODY = Poses(np.zeros((0, KEYPOINTS, 3)), np.zeros(0))


@pytest.mark.parametrize(
    ("texts", "budget"),
    [
        (["1px"], Budget(px=1)),
        (["0.5mm", "0.99oks", "2%"], Budget(mm=0.5, oks=0.99, unmatched_percent=2)),
        ([" 1.5 PX "], Budget(px=1.5)),
        (["1e-3px", "0%"], Budget(px=1e-3, unmatched_percent=0)),
    ],
)
def test_budgets_are_parsed(texts: list[str], budget: Budget) -> None:
    assert parse_budget(texts) == budget


@pytest.mark.parametrize(
    "text", ["", "1", "px", "1cm", "1pxx", "nanpx", "infpx", "1e999px", "1.2.3px", "1 2px"]
)
def test_an_invalid_budget_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_budget([text])
    assert str(caught.value) == (
        f"`budget={text}`: expected a number and one of the units px (keypoints), mm (3D joints, vertices "
        "and distances from the camera), oks (similarity of people) and % (unmatched keypoints, and 3D "
        "joints that cannot be compared), as in 1px, 0.5mm, 0.99oks or 2%"
    )


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["-1px"], "`budget=-1px`: expected at least 0 px"),
        (["1.01oks"], "`budget=1.01oks`: expected 0 to 1 oks"),
        (["101%"], "`budget=101%`: expected 0 to 100%"),
        (["1px", "2PX"], "`budget=2PX`: a second limit for this unit; pass one limit for each unit"),
    ],
)
def test_numbers_out_of_range_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_budget(texts)
    assert str(caught.value) == message


def test_the_default_limits_depend_on_the_precision() -> None:
    tolerance = TOLERANCES["bf16"]
    both = {"has_2d": True, "has_3d": True}
    completed = Budget(oks=0.9).with_defaults(tolerance, **both)
    assert str(completed) == "5 mm (default), OKS 0.9, 2% unmatched keypoints (default)"
    assert Budget(mm=2).with_defaults(tolerance, **both).px == tolerance.px
    flat = Budget(px=1).with_defaults(tolerance, has_2d=True, has_3d=False)
    assert str(flat) == "1 px, 2% unmatched keypoints (default)"
    lifted = Budget(mm=1).with_defaults(tolerance, has_2d=False, has_3d=True)
    assert str(lifted) == "1 mm"


@pytest.mark.parametrize(
    ("precision", "text", "expected"),
    [
        ("int8", None, "1.5 px (default), 10 mm (default), 2% unmatched keypoints (default)"),
        ("bf16+int8", "5%", "1.5 px (default), 10 mm (default), 5% unmatched keypoints"),
        ("fp32+int16", "3px", "3 px, 10 mm (default), 2% unmatched keypoints (default)"),
        ("bf16+fp32", "5%", "1 px (default), 5 mm (default), 5% unmatched keypoints"),
        ("as in the file", "5%", "0.1 px (default), 1 mm (default), 5% unmatched keypoints"),
        ("as in the file", None, "None"),
        ("unknown", None, "None"),
        ("bf16+fp32", None, "None"),
    ],
)
def test_only_a_quantized_precision_has_a_default_budget(
    precision: str, text: str | None, expected: str
) -> None:
    spec = replace(tiny_model().spec, unit="mm")
    options = ParityOptions(budget=None if text is None else parse_budget([text]))
    assert str(options.budget_for(spec, precision, has_poses=True)) == expected


def comparison(by_px: float = 0.0, by_mm: float = 0.0) -> PoseComparison:
    """Return a comparison of two images of two people, who differ only in the second image."""
    poses = people(np.random.default_rng(2), 2)
    in_3d = np.zeros((2, KEYPOINTS, 3))
    in_3d[:, 5:] = (0, by_mm, 0)
    other = moved(poses, np.array([by_px, 0]), in_3d, np.array([0, by_mm, 0]))
    images = [pair_people("a.jpg", poses, poses, NAMES), pair_people("b.jpg", poses, other, NAMES)]
    return PoseComparison(tuple(images))


def test_poses_within_the_budget_pass() -> None:
    budget = Budget(px=1, mm=5, oks=0.9, unmatched_percent=0)
    assert budget.failures(comparison()) == []
    assert budget.failures(comparison(by_px=0.99, by_mm=4.9)) == []


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (
            Budget(px=1),
            r"keypoints differ by 3 px at the 95th percentile \(3 px at worst, on b\.jpg, "
            r"\w+ of person [12]\), budget 1 px",
        ),
        (
            Budget(mm=5),
            r"vertices differ by 40 mm at the 95th percentile \(40 mm at worst, on b\.jpg, "
            r"vertex \d+ of person [12]\), budget 5 mm",
        ),
        (
            Budget(oks=1.0),
            r"5% of the people have an OKS of 0\.\d+ or less \(the lowest is 0\.\d+ on b\.jpg, "
            r"person [12]\), budget 1",
        ),
    ],
)
def test_a_difference_beyond_the_budget_is_reported_with_its_image(budget: Budget, message: str) -> None:
    failures = budget.failures(comparison(by_px=3, by_mm=40))
    assert any(re.fullmatch(message, failure) for failure in failures), failures
    assert all("b.jpg" in failure for failure in failures)


def test_unmatched_people_count_with_all_their_keypoints() -> None:
    poses = people(np.random.default_rng(2), 4)
    three = Poses(poses.keypoints[:3], poses.scores[:3])
    missed = PoseComparison((pair_people("a.jpg", Poses(poses.keypoints, poses.scores), three, NAMES),))
    assert Budget(px=1, unmatched_percent=25).failures(missed) == []
    assert Budget(px=1, unmatched_percent=24).failures(missed) == [
        "17 of 68 keypoints are unmatched (25%, 1 person missed, 0 extra), budget 24%"
    ]


def test_a_budget_without_people_fails() -> None:
    nobody = PoseComparison((pair_people("a.jpg", NOBODY, NOBODY, NAMES),))
    assert Budget(px=1).failures(nobody) == [
        "neither model finds people, so there is nothing to compare; pass photographs as `images`"
    ]


def test_a_budget_without_limits_is_completed_by_the_tolerance() -> None:
    assert Budget().with_defaults(Tolerance(), has_2d=True, has_3d=True) == Budget(
        px=0.1, mm=1.0, unmatched_percent=2.0, defaults=("px", "unmatched_percent", "mm")
    )


def in_3d(by_mm: float = 0.0, root: float = 1.0, count: int = 4) -> PoseComparison:
    """Return a comparison of people whom the candidate finds at another distance, and whose root, the left
    and the right hip, has this score there."""
    poses = people(np.random.default_rng(2), count)
    other = moved(poses, np.zeros(2), np.array([0, 0, by_mm]))
    other.keypoints_3d[: count // 2, [11, 12], 3] = root
    return PoseComparison((pair_people("a.jpg", poses, other, NAMES),))


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(mm=20), 20),
        (Budget(mm=20, px=1).with_defaults(Tolerance(), has_2d=True, has_3d=True), 20),
        (Budget(px=1).with_defaults(Tolerance(mm=20), has_2d=True, has_3d=True), 200),
    ],
)
def test_a_limit_in_mm_holds_for_the_distance_from_the_camera(budget: Budget, limit: float) -> None:
    """The vertices do not move with the distance."""
    assert budget.failures(in_3d(limit - 1)) == []
    assert budget.failures(in_3d(limit + 1)) == [
        f"distances from the camera differ by {limit + 1} mm at the 95th percentile "
        f"({limit + 1} mm at worst, on a.jpg, person 1), budget {limit} mm"
    ]


def test_3d_joints_that_cannot_be_compared_are_limited() -> None:
    """Half of the people have no root in the candidate, so none of their 17 joints has a distance."""
    poses = in_3d(root=-1)
    assert (poses.joints, poses.uncompared_joints, poses.uncompared_share) == (34, 34, 0.5)
    assert Budget(mm=1, unmatched_percent=50).failures(poses) == []
    assert Budget(px=1, unmatched_percent=49).failures(poses) == []
    assert Budget(mm=1, unmatched_percent=49).failures(poses) == [
        "34 of 68 3D joints cannot be compared (50%), because only one of the models finds the joint or the "
        "root of its person, budget 49%"
    ]


@pytest.mark.parametrize(
    ("limits", "what"),
    [({"px": 1.0}, "keypoints"), ({"mm": 2.0}, "3D positions"), ({"oks": 0.9}, "people")],
)
def test_a_limit_fails_if_all_people_are_missed(limits: dict[str, float], what: str) -> None:
    """Whatever the limit of unmatched keypoints: each other limit needs a value."""
    poses = people(np.random.default_rng(2), 2)
    missed = PoseComparison((pair_people("a.jpg", poses, NOBODY, NAMES),))
    assert Budget(unmatched_percent=100).failures(missed) == []
    (failure,) = Budget(**limits, unmatched_percent=100).failures(missed)
    assert failure.startswith(f"no {what} were compared, because no person is found by both models, so the ")
    assert failure.endswith("cannot be checked; pass other photographs as `images`")


@pytest.mark.parametrize(
    ("limits", "ambiguous", "lacks"),
    [
        (
            {"px": 1.0},
            KEYPOINTS,
            "no keypoints were compared, because all keypoints of the matched people",
        ),
        (
            {"oks": 0.99},
            KEYPOINTS,
            "no people were compared, because all keypoints of the matched people",
        ),
        ({"px": 1.0, "oks": 0.99}, KEYPOINTS - 1, None),
        ({"mm": 5.0}, KEYPOINTS, None),
    ],
)
def test_a_limit_of_ambiguous_keypoints_fails(
    limits: dict[str, float], ambiguous: int, lacks: str | None
) -> None:
    """Pairs without a clear keypoint have no similarity. The 3D joints are clear."""
    poses = people(np.random.default_rng(2), 2)
    skipped = np.arange(2 * KEYPOINTS) < ambiguous
    image = pair_people("a.jpg", poses, poses, NAMES, np.stack([skipped, skipped]))
    failures = Budget(**limits, unmatched_percent=100).failures(PoseComparison((image,)))
    assert [lacks is not None and each.startswith(lacks) for each in failures] == [True] * (lacks is not None)


def test_vertices_do_not_stand_in_for_3d_joints() -> None:
    """The reason names what the joints lack: the root on one side, or a clear root."""
    budget = Budget(mm=1, unmatched_percent=100)
    poses = people(np.random.default_rng(2), 2)
    other = moved(poses, np.zeros(2), np.zeros(3))
    other.keypoints_3d[:, 11, 3] = -1
    lost = PoseComparison((pair_people("a.jpg", poses, other, NAMES),))
    noisy = np.zeros((2, 2 * KEYPOINTS), np.bool_)
    noisy[:, KEYPOINTS + 12] = True
    unclear = PoseComparison((pair_people("a.jpg", poses, poses, NAMES, noisy),))
    assert lost.summaries["vertex_mm"].count and unclear.summaries["vertex_mm"].count
    assert budget.failures(in_3d(root=-1, count=2)) == []
    for compared, reason in (
        (lost, "only one of the models finds the joint or the root of its person"),
        (unclear, "the joint or the root of its person is ambiguous"),
    ):
        assert budget.failures(compared) == [
            f"no 3D joints were compared, because {reason}, so the budget of 1 mm cannot be checked; "
            "pass other photographs as `images`"
        ]
