"""AP and AR on synthetic people, computed by hand, and on photographs with published poses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from posedeploy.benchmarks.annotations import read_annotations
from posedeploy.benchmarks.detections import match_keypoints
from posedeploy.benchmarks.evaluation import Evaluation, Slice, evaluate
from posedeploy.benchmarks.oks import THRESHOLDS
from posedeploy.checkpoints.user_network import open_user_network
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import InputError
from posedeploy.joint_sets import sigmas_of
from posedeploy.poses import lightweight_openpose_2d
from posedeploy.poses.lightweight_openpose_3d import PANOPTIC
from posedeploy.predict.chain import Predictor
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.types import Array, Poses, RunOptions, RuntimeInfo
from tests.benchmarks import coco
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, CrowdRunner, spec_of
from tests.support.synthetic_maps import STANDING

SIZE = (400, 300)
EFFECTIVE = RuntimeInfo("none", "1", "CPU", "fp32", 1)
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "human_pose_estimation_0001.py"


def standing(x: float, height: float) -> Array:
    """Return (18, 3) keypoints of a person of a height in px, all present."""
    return np.column_stack([STANDING * height + (x, 150), np.ones(18)])


BIG, SMALL = standing(100, 200), standing(250, 50)
BIG_ALONE, SMALL_ALONE = standing(320, 200), standing(320, 50)
"""People at positions without annotations."""


def _poses(*people: Array, scores: tuple[float, ...] | None = None) -> Poses:
    keypoints = np.stack(people) if people else np.zeros((0, 18, 3))
    return Poses(keypoints, np.array(scores or np.ones(len(people)), np.float64))


def _file(path: Path, *people: dict[str, Any], names: tuple[str, ...] = coco.NAMES) -> Path:
    return coco.write(path, {"a.png": SIZE}, list(people), names)


def _known(*people: Array, **fields: Any) -> list[dict[str, Any]]:
    return [coco.person(1, keypoints[list(coco.OURS)], **fields) for keypoints in people]


def _evaluate(path: Path, *poses: Poses) -> Evaluation:
    family = lightweight_openpose_2d
    annotations = read_annotations(path)
    common = match_keypoints(
        annotations.keypoint_names, family.KEYPOINT_NAMES, sigmas_of(family.KEYPOINT_NAMES)
    )
    return evaluate("drawn", EFFECTIVE, annotations, common, enumerate(poses))


def _averages(part: Slice) -> tuple[float | None, ...]:
    return part.ap, part.ap50, part.ap75, part.ar, part.ar50, part.ar75


def test_perfect_detections_have_an_ap_and_ar_of_1(tmp_path: Path) -> None:
    result = _evaluate(_file(tmp_path / "a.json", *_known(BIG, SMALL)), _poses(BIG, SMALL))
    assert [(part.name, part.people) for part in result.slices] == [("all", 2), ("large", 1)]
    for part in result.slices:
        assert _averages(part) == pytest.approx([1.0] * 6)
    assert (result.images, len(result.detections)) == (1, 2)
    assert result.keypoints == coco.NAMES
    assert result.unscored_keypoints == ("neck",)
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


@pytest.mark.parametrize(
    ("people", "scores", "everyone", "large"),
    [
        ((BIG,), (1,), (51 / 101, 0.5), (1, 1)),
        ((SMALL,), (1,), (51 / 101, 0.5), (0, 0)),
        ((BIG, SMALL, SMALL_ALONE), (1, 1, 9), (2 / 3, 1), (1, 1)),
        ((BIG, SMALL, BIG_ALONE), (1, 1, 9), (2 / 3, 1), (1 / 2, 1)),
        ((BIG, SMALL, BIG_ALONE), (2, 2, 1), (1, 1), (1, 1)),
        ((BIG, BIG, SMALL), (2, 3, 1), ((51 + 50 * 2 / 3) / 101, 1), (1, 1)),
        ((), (), (0, 0), (0, 0)),
    ],
    ids=["small missed", "big missed", "small extra", "big extra", "extra ranked last", "big twice", "none"],
)
def test_ap_and_ar_equal_the_values_computed_by_hand(
    people: tuple[Array, ...],
    scores: tuple[float, ...],
    everyone: tuple[float, float],
    large: tuple[float, float],
    tmp_path: Path,
) -> None:
    found = _poses(*people, scores=scores)
    result = _evaluate(_file(tmp_path / "a.json", *_known(BIG, SMALL)), found)
    for part, (ap, ar) in zip(result.slices, (everyone, large), strict=True):
        assert (part.ap, part.ar) == pytest.approx((ap, ar))
        assert (part.ap50, part.ar75) == pytest.approx((ap, ar)), "all thresholds alike"


def test_an_average_covers_all_thresholds(tmp_path: Path) -> None:
    """All keypoints are shifted to an OKS of 0.72, which passes five of the ten thresholds."""
    path = _file(tmp_path / "a.json", *_known(BIG))
    (person,) = read_annotations(path).people
    sigmas = np.array(sigmas_of(lightweight_openpose_2d.KEYPOINT_NAMES))[:, None]
    off = BIG.copy()
    off[:, :1] += 2 * sigmas * np.sqrt(-2 * np.log(0.72) * person.area)
    everyone, large = _evaluate(path, _poses(off)).slices
    assert _averages(everyone) == pytest.approx([0.5, 1, 0, 0.5, 1, 0])
    assert _averages(large) == _averages(everyone)


@pytest.mark.parametrize(("height", "people"), [(100.0, 1), (99.9, 0)])
def test_people_of_a_third_of_the_image_height_are_large(tmp_path: Path, height: float, people: int) -> None:
    path = _file(tmp_path / "a.json", *_known(BIG, height=height))
    everyone, large = _evaluate(path, _poses(BIG)).slices
    assert (everyone.people, large.people) == (1, people)
    assert (_averages(large) == (None,) * 6) == (people == 0)


@pytest.mark.parametrize("found", [(BIG,), (BIG, BIG_ALONE, BIG_ALONE), (BIG, SMALL)])
def test_crowds_and_people_without_keypoints_are_ignored(tmp_path: Path, found: tuple[Array, ...]) -> None:
    crowd = _known(BIG_ALONE, iscrowd=1)[0] | {"keypoints": [0] * 51}
    unlabelled = _known(SMALL)[0] | {"keypoints": [0] * 51, "num_keypoints": 0}
    path = _file(tmp_path / "a.json", *_known(BIG), crowd, unlabelled)
    everyone, _ = _evaluate(path, _poses(*found)).slices
    assert (everyone.people, everyone.ap, everyone.ar) == (1, pytest.approx(1), 1)


def test_the_score_is_the_decoder_score_times_the_keypoints_less_one(tmp_path: Path) -> None:
    half = BIG.copy()
    half[9:] = -1
    result = _evaluate(_file(tmp_path / "a.json", *_known(BIG)), _poses(BIG, half, scores=(3.0, 4.0)))
    whole, cut = result.detections
    assert (whole.score, cut.score) == (3 * 17, 4 * 8)
    assert (cut.keypoints[:, 2].sum(), whole.keypoints[:, 2].sum()) == (8, 17)
    assert not cut.keypoints[cut.keypoints[:, 2] == 0].any(), "missing keypoints are 0, 0, 0"
    assert whole.height == pytest.approx(np.ptp(BIG[:, 1]) / 300)


def test_keypoints_are_matched_by_name(tmp_path: Path) -> None:
    names = ("left_ankle", "tail", "neck", "nose")
    mine = BIG[[13, 10, 1, 0]]
    path = _file(tmp_path / "a.json", coco.person(1, mine), names=names)
    elsewhere = BIG.copy()
    elsewhere[[2, 3, 10, 14], :2] += 500
    result = _evaluate(path, _poses(elsewhere))
    assert result.keypoints == ("left_ankle", "neck", "nose")
    assert "tail" in result.unscored_keypoints and "right_wrist" in result.unscored_keypoints
    assert result.slices[0].ap == pytest.approx(1)
    np.testing.assert_array_equal(result.detections[0].keypoints[[0, 2, 3], :2], mine[[0, 2, 3], :2])
    assert not result.detections[0].keypoints[1].any()


def test_a_person_without_scored_keypoints_is_ignored(tmp_path: Path) -> None:
    path = _file(tmp_path / "a.json", coco.person(1, BIG[:1]), names=("nose",))
    faceless = BIG_ALONE.copy()
    faceless[0] = -1
    result = _evaluate(path, _poses(BIG, faceless, scores=(1, 9)))
    assert (len(result.detections), result.slices[0].ap) == (1, pytest.approx(1))


def test_a_3d_network_is_scored_by_its_2d_keypoints(tmp_path: Path) -> None:
    spec = spec_of("lightweight-openpose-3d", height=HEIGHT, width=WIDTH)
    predictor = Predictor(CrowdRunner(spec), spec)
    poses = predictor(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    people = [coco.person(1, keypoints[PANOPTIC[list(coco.OURS)]]) for keypoints in poses.keypoints]
    path = coco.write(tmp_path / "a.json", {"a.png": (WIDTH, HEIGHT)}, people)
    annotations = read_annotations(path)
    common = match_keypoints(annotations.keypoint_names, spec.keypoint_names, predictor.sigmas)
    (everyone, large) = evaluate("3d", EFFECTIVE, annotations, common, [(0, poses)]).slices
    assert (everyone.people, large.people) == (PEOPLE, PEOPLE)
    assert (everyone.ap, large.ar) == (pytest.approx(1), 1)


def test_annotations_without_people_are_refused(tmp_path: Path) -> None:
    nobody = _file(tmp_path / "a.json", *_known(BIG, iscrowd=1))
    with pytest.raises(InputError, match="none of the 1 evaluated images has a person with labels"):
        _evaluate(nobody, _poses())


def test_the_output_of_pycocotools_is_suppressed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _evaluate(_file(tmp_path / "a.json", *_known(BIG)), _poses(BIG))
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_all_published_poses_are_found_in_photographs(real: Path, tmp_path: Path) -> None:
    names = ("skiers", "one-person")
    images = {name: cv2.imread(str(real / f"{name}.jpg")) for name in names}
    people = [
        coco.person(number, keypoints[list(coco.OURS)])
        for number, name in enumerate(names, start=1)
        for keypoints in np.load(real / f"{name}.npz")["poses"]
    ]
    sizes = {name: (image.shape[1], image.shape[0]) for name, image in images.items()}
    path = coco.write(tmp_path / "a.json", sizes, people)
    model = open_user_network(real / "human-pose-estimation-0001.pth", f"{EXAMPLE}:build")
    (artifact,) = export(model, ["onnx"], tmp_path, "human", ExportOptions(dynamic=True))
    runners = (PyTorchRunner(model, RunOptions()), open_runner(artifact, RunOptions()))
    for runner in runners:
        with runner:
            predictor = Predictor(runner, model.spec)
            result = _evaluate(path, *(predictor(image) for image in images.values()))
        everyone, large = result.slices
        assert (everyone.people, len(result.detections)) == (7, 7)
        assert large.people >= 1
        for part in result.slices:
            assert _averages(part) == pytest.approx([1.0] * 6)


def test_scores_equal_those_of_pycocotools(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    images = {f"{number}.png": SIZE for number in range(12)}
    people, found = [], []
    for number in range(1, len(images) + 1):
        here = [standing(x, h) for x, h in random.uniform((50, 30), (350, 280), (random.integers(0, 5), 2))]
        people += [
            coco.person(number, person[list(coco.OURS)], iscrowd=int(random.random() < 0.1))
            for person in here
        ]
        noisy = [person + random.normal(0, 2, (18, 3)) * (1, 1, 0) for person in here[1:]]
        noisy += [standing(random.uniform(50, 350), 100)] * int(random.random() < 0.2)
        found.append(_poses(*noisy, scores=tuple(random.uniform(1, 9, len(noisy)))))
    path = coco.write(tmp_path / "a.json", images, people)
    result = _evaluate(path, *found)
    results = [
        {
            "image_id": detection.image_id,
            "category_id": 1,
            "keypoints": detection.keypoints.ravel().tolist(),
            "score": detection.score,
        }
        for detection in result.detections
    ]
    truth = COCO(str(path))
    theirs = COCOeval(truth, truth.loadRes(results), "keypoints")
    theirs.evaluate()
    theirs.accumulate()
    theirs.summarize()
    expected = theirs.stats[[0, 1, 2, 5, 6, 7]]
    assert 0.2 < expected[0] < 0.9
    np.testing.assert_allclose(_averages(result.slices[0]), expected, atol=1e-12)
