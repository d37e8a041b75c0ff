"""The decoder of networks that find all people with boxes, scores and keypoints."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.api.decoding_pair import list_peak_outputs
from posedeploy.benchmarks.ambiguity import bound_noise, compare_image
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.errors import InputError
from posedeploy.poses.boxes_nms import suppress_overlaps
from posedeploy.types import Array, Dimension, Placement, Tensors
from tests.support.decoder_specs import decode_with, describe_network

HALF = Placement(0.5, (0.0, 140.0), (1280, 720), (640, 640))
"""A letterbox of 1280x720 px."""
YOLO = 'family = "one-stage"\n'
INSIDE = """
family = "one-stage"
[decoding]
columns = ["box", "score", "unused", "keypoints"]
box = "corners"
nms = false
"""
RTMO = """
family = "one-stage"
[outputs]
detections = "dets"
keypoints = "keypoints"
[decoding]
columns = ["box", "score"]
box = "corners"
"""
PEOPLE_PX = np.random.default_rng(1).uniform((100, 100), (600, 600), (2, 17, 2))
PEOPLE_PX[1, :, 0] += 600
"""Keypoints of two people in the image."""
Shapes = dict[str, tuple[Dimension, ...]]


def anchors(count: int = 8400, dtype: type = np.float32) -> Array:
    """Return (56, anchors): two people at anchors 10 and 500, each with a worse copy in the next anchor."""
    rows = np.zeros((count, 56), dtype)
    for person, (place, score) in enumerate(((10, 0.8), (500, 0.9))):
        points = PEOPLE_PX[person] * 0.5 + (0, 140)
        low, high = points.min(axis=0), points.max(axis=0)
        keypoints = np.concatenate([points, np.full((17, 1), 0.7)], axis=1)
        rows[place] = [*(low + high) / 2, *(high - low) + 30 * person, score, *keypoints.ravel()]
        rows[place + 1] = rows[place] + 1
        rows[place + 1, 4] = score - 0.1
    return rows.T


def check_people(outputs: Tensors, contract: str, shapes: Shapes) -> None:
    """Check that both people are decoded, the better one first."""
    spec = describe_network(contract, shapes, (1, 3, 640, 640))
    poses = decode_with(spec, outputs, HALF)
    assert poses.scores == pytest.approx([0.9, 0.8])
    np.testing.assert_allclose(poses.keypoints[:, :, :2], PEOPLE_PX[::-1], rtol=0, atol=1e-3)
    np.testing.assert_allclose(poses.keypoints[..., 2], 0.7, rtol=1e-6)


def test_values_by_anchors_are_decoded() -> None:
    check_people({"output0": anchors()[None]}, YOLO, {"output0": (1, 56, 8400)})


def test_anchors_by_values_are_decoded() -> None:
    check_people({"output0": anchors().T[None]}, YOLO, {"output0": (1, 8400, 56)})


def test_dynamic_anchors_are_decoded() -> None:
    check_people({"output0": anchors()[None]}, YOLO, {"output0": ("batch", 56, "anchors")})


def test_normalized_values_are_decoded() -> None:
    values = anchors()
    is_length = np.ones(56, bool)
    is_length[[4, *range(7, 56, 3)]] = False
    values[is_length] /= 640
    check_people({"out": values[None]}, YOLO + "[decoding]\nnormalized = true", {"out": (1, 56, 8400)})


def test_logits_are_decoded() -> None:
    values = anchors(dtype=np.float64)
    is_score = np.zeros(56, bool)
    is_score[[4, *range(7, 56, 3)]] = True
    with np.errstate(divide="ignore"):
        values[is_score] = np.log(values[is_score] / (1 - np.minimum(values[is_score], 0.99999)))
    values = np.maximum(values, -100)
    check_people({"out": values[None]}, YOLO + '[decoding]\nactivation = "sigmoid"', {"out": (1, 56, 8400)})


def test_a_file_with_nms_inside_is_decoded() -> None:
    rows = anchors().T[[500, 10]]
    corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)
    inside = np.zeros((300, 57), np.float32)
    inside[:2] = np.concatenate([corners, rows[:, 4:5], np.zeros((2, 1)), rows[:, 5:]], axis=1)
    check_people({"output0": inside[None]}, INSIDE, {"output0": (1, 300, 57)})


def test_keypoints_in_their_own_output_are_decoded() -> None:
    rows = anchors().T
    corners = np.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)
    outputs = {
        "dets": np.concatenate([corners, rows[:, 4:5]], axis=1)[None],
        "keypoints": rows[:, 5:].reshape(1, 8400, 17, 3),
    }
    check_people(outputs, RTMO, {"dets": (1, "n", 5), "keypoints": (1, "n", 17, 3)})


BOXES = """
family = "one-stage"
[outputs]
detections = "boxes"
scores = "scores"
keypoints = "keypoints"
[decoding]
columns = ["box"]
"""


@pytest.mark.parametrize("lead", [(), (1,)], ids=["without the batch", "with the batch"])
@pytest.mark.parametrize("is_flat", [False, True], ids=["rows", "flat"])
def test_boxes_scores_and_keypoints_in_three_outputs_are_decoded(
    lead: tuple[int, ...], is_flat: bool
) -> None:
    rows = anchors().T
    keypoints, scores = (51,) if is_flat else (17, 3), () if is_flat else (1,)
    outputs = {
        "boxes": rows[:, :4].reshape(*lead, 8400, 4),
        "scores": rows[:, 4].reshape(*lead, 8400, *scores),
        "keypoints": rows[:, 5:].reshape(*lead, 8400, *keypoints),
    }
    shapes: Shapes = {
        "boxes": (*lead, "n", 4),
        "scores": (*lead, "n", *scores),
        "keypoints": (*lead, "n", *keypoints),
    }
    check_people(outputs, BOXES, shapes)


def test_scores_of_another_number_of_anchors_are_refused() -> None:
    shapes: Shapes = {"boxes": ("n", 4), "scores": ("n",), "keypoints": ("n", 17, 3)}
    outputs = {"boxes": np.zeros((5, 4)), "scores": np.zeros(4), "keypoints": np.zeros((5, 17, 3))}
    with pytest.raises(
        InputError, match=r"scores \('scores'\) has shape \(4,\); expected \(5,\): scores for"
    ):
        decode_with(describe_network(BOXES, shapes, (1, 3, 640, 640)), outputs, HALF)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((1, 56, 8400), np.float32),
        np.full((1, 56, 8400), np.nan, np.float32),
        np.zeros((1, 56, 0), np.float32),
    ],
    ids=["zeros", "NaN", "no anchors"],
)
def test_outputs_without_people_are_nobody(values: Array) -> None:
    spec = describe_network(YOLO, {"output0": (1, 56, "anchors")}, (1, 3, 640, 640))
    poses = decode_with(spec, {"output0": values}, HALF)
    assert poses.keypoints.shape == (0, 17, 3)
    assert poses.scores.shape == (0,)


def test_one_anchor_of_nan_does_not_hide_the_others() -> None:
    values = anchors()
    values[:, 3] = np.nan
    values[20, 4], values[4, 4] = np.inf, 0.99
    check_people({"output0": values[None]}, YOLO, {"output0": (1, 56, 8400)})


def test_an_anchor_without_a_visible_keypoint_is_no_person() -> None:
    values = anchors()
    values[7::3, [10, 11]] = -1
    spec = describe_network(YOLO, {"output0": (1, 56, 8400)}, (1, 3, 640, 640))
    assert decode_with(spec, {"output0": values[None]}, HALF).scores == pytest.approx([0.9])


def test_a_keypoint_whose_score_is_rounded_to_zero_is_kept() -> None:
    values = anchors()
    values[7, 500] = 0
    spec = describe_network(YOLO, {"output0": (1, 56, 8400)}, (1, 3, 640, 640))
    keypoints = decode_with(spec, {"output0": values[None]}, HALF).keypoints[0]
    assert keypoints[0, 2] == 0
    np.testing.assert_allclose(keypoints[0, :2], PEOPLE_PX[1, 0], rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("options", "scores"),
    [("min_score = 0.85", [0.9]), ("max_people = 1", [0.9]), ("nms = false", [0.9, 0.8, 0.8, 0.7])],
)
def test_the_options_select_the_people(options: str, scores: list[float]) -> None:
    spec = describe_network(f"{YOLO}[decoding]\n{options}", {"output0": (1, 56, 8400)}, (1, 3, 640, 640))
    assert decode_with(spec, {"output0": anchors()[None]}, HALF).scores == pytest.approx(scores)


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        (YOLO, {"output0": (1, 84, 8400)}, r"1x84x8400; expected \(1, anchors, val"),
        (YOLO + 'keypoint_set = "coco-17"', {"output0": (1, 68, 8400)}, "17 names in keypoint_names, "),
        (YOLO, {"output0": (1, 56, 80, 80)}, "detections is output0 float32 1x56x80x80"),
        (RTMO.replace('columns = ["box", "score"]', ""), {"dets": (1, 9, 5), "keypoints": (1, 9, 17, 3)},
         r'write columns = \["box", "score"\] under \[decoding\]'),
        (YOLO + '[decoding]\ncolumns = ["box", "score"]', {"o": (1, 9, 5)}, 'or add "keypoints" to columns'),
        (YOLO + '[decoding]\ncolumns = ["score", "keypoints"]', {"o": (1, 9, 5)}, "expected one box and"),
        (YOLO + '[decoding]\ncolumns = ["box", "keypoints"]', {"o": (1, 9, 55)}, 'as scores, or add "score"'),
        (BOXES.replace('"box"', '"box", "score"'), {"boxes": (9, 5), "scores": (9,), "keypoints": (9, 17, 3)},
         r'write columns = \["box"\] under \[decoding\], or remove scores'),
        (YOLO + '[decoding]\nkeypoint_columns = ["x"]', {"o": (1, 9, 5)}, "keypoint_columns is x; exp"),
        (YOLO + "[decoding]\niou_threshold = 1.5", {"o": (1, 9, 5)}, "iou_threshold: Expected `float` <= 1"),
    ],
)  # fmt: skip
def test_a_contract_that_does_not_fit_is_refused(text: str, shapes: Shapes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        describe_network(text, shapes, (1, 3, 640, 640))


def test_suppression_keeps_the_best_of_overlapping_boxes() -> None:
    corners = np.array(
        [[0, 0, 10, 10], [1, 0, 11, 10], [5, 0, 15, 10], [0, 0, 0, 0], [9, 9, 3, 3]], np.float64
    )
    scores = np.array([0.5, 0.9, 0.3, 0.2, 0.1])
    assert suppress_overlaps(corners, scores, 0.5, 10).tolist() == [1, 2, 3, 4]
    assert suppress_overlaps(corners, scores, 0.4, 10).tolist() == [1, 3, 4]
    assert suppress_overlaps(corners, scores, 1.0, 2).tolist() == [1, 0]


def test_noise_that_exchanges_two_anchors_makes_the_person_ambiguous() -> None:
    spec = describe_network(YOLO, {"output0": (1, 56, 8400)}, (1, 3, 640, 640))
    expected, actual = anchors(), anchors()
    expected[4, [10, 11]] = 0.8, 0.7999
    actual[4, [10, 11]] = 0.7999, 0.8
    assert list_peak_outputs(spec) == ["output0"]
    for bounds, ambiguous in ((bound_noise(["output0"], None), 17), ({}, 0)):
        parity = compare_image(
            lambda outputs, placement: decode_with(spec, outputs, placement),
            {"output0": expected[None]},
            {"output0": actual[None]},
            HALF,
            Tolerance(),
            bounds,
        )
        assert parity.ambiguous == ambiguous


def test_people_of_one_pose_are_ambiguous_if_noise_exchanges_their_scores() -> None:
    """Several boxes with the same keypoints can be matched in any order."""
    contract = RTMO + "iou_threshold = 0.5\nmin_score = 0.3\n"
    spec = describe_network(contract, {"dets": (1, 3, 5), "keypoints": (1, 3, 17, 3)}, (1, 3, 640, 640))
    boxes = np.array([[0, 0, 9, 9], [20, 20, 29, 29], [40, 40, 49, 49]])
    points = np.repeat(np.concatenate([PEOPLE_PX[:1], np.full((1, 17, 1), 0.7)], axis=2), 3, axis=0)
    points[:, :, 0] += [[0], [1e-5], [0]]

    def outputs(scores: list[float], shift: float) -> Tensors:
        dets = np.concatenate([boxes, np.array(scores)[:, None]], axis=1).astype(np.float32)
        moved = points + np.array([shift, 0, 0])
        return {"dets": dets[None], "keypoints": moved[None].astype(np.float32)}

    parity = compare_image(
        lambda tensors, placement: decode_with(spec, tensors, placement),
        outputs([0.30001, 0.4, 0.4], 0.0),
        outputs([0.29999, 0.4, 0.4], 1e-3),
        HALF,
        Tolerance(),
        bound_noise(["dets"], None),
    )
    assert (parity.people, parity.missed, parity.extra, parity.ambiguous) == (2, 0, 0, 17)
