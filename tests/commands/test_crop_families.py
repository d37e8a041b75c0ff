"""Single-person networks: export, parity, inspect, predict, and input that is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from posedeploy.checkpoints import mobile_human_pose, pose_hg_3d
from posedeploy.types import Array
from tests.benchmarks import coco
from tests.commands.conftest import Invoke, fill, words
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, write_image
from tests.support.networks import CROPS, write_crop_network
from tests.support.shared_folders import shared_folder

SUFFIXES = ("torchscript", "onnx", "xml")
TARGETS = ("--to", "torchscript", "--to", "onnx", "--to", "openvino")


@pytest.fixture(scope="session")
def crops(tmp_path_factory: pytest.TempPathFactory, done: Invoke) -> Path:
    """A folder with the checkpoints, and every target of each in ``out``."""

    def fill(folder: Path) -> None:
        for name in CROPS:
            write_crop_network(name, folder / f"{name}.pth")
            done("export", folder / f"{name}.pth", *TARGETS, "-o", folder / "out")

    return shared_folder(tmp_path_factory, "crops", fill)


@pytest.fixture(autouse=True)
def picture(photo: Array, tmp_path: Path) -> Path:
    """``photo.png`` in the working folder."""
    return write_image(tmp_path / "photo.png", photo)


def _poses(folder: str = "poses") -> Any:
    return json.loads(Path(folder, "poses.json").read_text())


@pytest.mark.parametrize("name", ["mobile", pytest.param("hg", marks=pytest.mark.slow), "hg2d"])
def test_every_target_has_the_poses_of_pytorch(crops: Path, done: Invoke, name: str) -> None:
    artifacts = [crops / "out" / f"{name}.{suffix}" for suffix in SUFFIXES]
    result = done("parity", *artifacts, "--threads", 1, "--images", "photo.png", "--json", "p.json")
    assert words(result.stdout).count("within tolerance of PyTorch") == len(SUFFIXES)
    for entry in json.loads(Path("p.json").read_text())["results"]:
        assert entry["poses"]["people"] == 12
        assert (entry["poses"]["error_mm"] is None) == (name == "hg2d")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("mobile", "--embed-preprocessing"),
        pytest.param("mobile", "--dynamic", marks=pytest.mark.slow),
    ],
)
def test_exports_with_options_have_the_same_poses(crops: Path, done: Invoke, name: str, option: str) -> None:
    done("export", crops / f"{name}.pth", option, *TARGETS)
    result = done("parity", "--threads", 1, *(f"artifacts/{name}.{suffix}" for suffix in SUFFIXES))
    assert words(result.stdout).count("within tolerance of PyTorch") == len(SUFFIXES)
    done("predict", f"artifacts/{name}.onnx", "photo.png")
    inside = _poses()
    assert len(inside["annotations"]) == 1
    done("predict", crops / "out" / f"{name}.onnx", "photo.png")
    for found, wanted in zip(inside["annotations"], _poses()["annotations"], strict=True):
        assert found["keypoints"] == pytest.approx(wanted["keypoints"], abs=0.02)


def test_bench_and_inspect_accept_every_family(crops: Path, done: Invoke) -> None:
    for name in ("mobile", "hg"):
        assert name in done("bench", crops / "out" / f"{name}.xml", "--runs", 2, "--threads", 1).stdout
    shown = words(done("inspect", crops / "out" / "mobile.xml").stdout)
    assert "LPSKI, 21 joints" in shown
    assert "RGB, (value - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)" in shown
    assert "256x256, a person's box enlarged 1.25 times" in shown
    shown = words(done("inspect", crops / "hg2d.pth").stdout)
    assert "ResNet of 1-1-1-1 basic blocks, 16 joints, 2D: no depth head" in shown


@pytest.mark.parametrize("name", ["mobile", "hg", "hg2d"])
def test_the_whole_image_is_one_person_without_boxes(crops: Path, done: Invoke, name: str) -> None:
    result = done("predict", crops / "out" / f"{name}.xml", "photo.png")
    assert "1 person in 1 image" in result.stdout
    assert "the whole image is used as the box of one person" in words(result.stderr)
    document = _poses()
    assert document["source"]["boxes"] == "the whole image"
    assert ("keypoints_3d" in document["units"]) == (name != "hg2d")
    assert len(document["annotations"][0]["keypoint_scores"]) == (21 if name == "mobile" else 16)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_boxes_are_read_from_a_file(crops: Path, done: Invoke, suffix: str) -> None:
    Path("boxes.json").write_text("[[10, 20, 100, 180], [200, 30, 120, 200], [300, 10, 90, 200]]")
    result = done("predict", crops / "out" / f"mobile.{suffix}", "photo.png", "--boxes", "boxes.json")
    assert "3 people in 1 image" in result.stdout
    assert "the whole image" not in result.stderr
    document = _poses()
    assert document["source"]["boxes"] == "boxes.json"
    assert len(document["annotations"]) == 3
    assert len(document["annotations"][0]["keypoints_3d"]) == 3 * 21
    assert Path("poses/photo.jpg").is_file()


COCO_BOXES = (
    '[{"image_id": 1, "category_id": 1, "bbox": [100, 40, 100, 200], "score": 0.98},'
    ' {"image_id": 1, "category_id": 1, "bbox": [10, 40, 100, 200], "score": 0.2},'
    ' {"image_id": 1, "category_id": 3, "bbox": [10, 40, 100, 200], "score": 0.9}]'
)


def test_boxes_of_other_tools_are_read(crops: Path, done: Invoke, refused: Callable[..., str]) -> None:
    predict = ("predict", crops / "out" / "mobile.onnx", "photo.png", "--no-draw", "--boxes")
    Path("xyxy.json").write_text("[[100, 40, 200, 240]]")
    assert "the boxes fit as xyxy; add --box-format xyxy" in refused(*predict, "xyxy.json")
    done(*predict, "xyxy.json", "--box-format", "xyxy")
    (xyxy,) = _poses()["annotations"]
    Path("coco.json").write_text(COCO_BOXES)
    result = done(*predict, "coco.json", "--box-score", "0.5")
    assert words(result.stderr).strip() == "coco.json: 1 box with other labels ignored"
    assert _poses()["annotations"] == [xyxy]
    assert "2 people" in done(*predict, "coco.json").stdout
    assert "1 person" in done(*predict, "coco.json", "--box-label", "3").stdout
    assert "are for --boxes; add --boxes" in refused(*predict[:-1], "--box-format", "xyxy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("coco.json", "--box-format", "ltrb"), "--box-format ltrb: expected xywh or xyxy or cxcywh or yolo"),
        (
            ("coco.json", "--box-label", "dog"),
            "no box is labeled dog; its labels are 1 (2 boxes), 3",
        ),
    ],
)
def test_unknown_box_formats_and_labels_are_refused(
    options: tuple[object, ...], message: str, crops: Path, refused: Callable[..., str]
) -> None:
    Path("coco.json").write_text(COCO_BOXES)
    model = crops / "out" / "mobile.onnx"
    assert message in refused("predict", model, "photo.png", "--boxes", *options)


@pytest.mark.parametrize("name", ["mobile", "hg"])
def test_boxes_are_detected_by_another_network(crops: Path, human: Path, done: Invoke, name: str) -> None:
    detector = human / "out" / "human.onnx"
    result = done("predict", crops / "out" / f"{name}.xml", "photo.png", "--detector", detector)
    assert f"{PEOPLE} people in 1 image" in result.stdout
    source = _poses()["source"]
    assert source["boxes"] == "human.onnx"
    assert source["detector"]["family"] == "lightweight-openpose-2d"


def test_evaluate_detects_people_with_the_detector(
    crops: Path, human: Path, done: Invoke, refused: Callable[..., str]
) -> None:
    Path("photos").mkdir()
    Path("photo.png").rename("photos/photo.png")
    someone = np.column_stack([np.random.RandomState(1).uniform(20, 200, (17, 2)), np.ones(17)])
    coco.write(Path("people.json"), {"photo.png": (WIDTH, HEIGHT)}, [coco.person(1, someone)])
    annotated = ("--annotations", "people.json", "--images", "photos", "--json", "e.json")
    network, detector = crops / "out" / "hg.onnx", human / "out" / "human.onnx"
    done("evaluate", network, *annotated, "--detector", detector)
    document = json.loads(Path("e.json").read_text())
    assert (len(document["detections"]), document["detector"]) == (PEOPLE, str(detector))
    assert len(document["keypoints"]) == 12
    result = done("evaluate", network, *annotated)
    assert "without a --detector, the whole image is used as the box of one person" in words(result.stderr)
    document = json.loads(Path("e.json").read_text())
    assert (len(document["detections"]), document["detector"]) == (1, None)
    message = refused("evaluate", detector, *annotated, "--detector", network)
    assert "--detector: lightweight-openpose-2d detects people in the whole image" in message


TWO_D = "pose-hg-3d (ResNet of 1-1-1-1 basic blocks, 16 joints, 2D: no depth head) returns 2D poses"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("{mobile}", "--boxes", "outside.json"),
            "the box [900, 20, 100, 180] as left, top, width, height in px lies outside",
        ),
        (("{hg}", "--boxes", "outside.json"), "outside.json: box 0: the box [900, 20, 100, 180]"),
        (
            ("{mobile}", "--boxes", "flat.json"),
            "[10, 20, 0, 180] as left, top, width, height in px has no size",
        ),
        (("{mobile}", "--boxes", "short.json"), "short.json: not a JSON list of boxes [x, y, width, height]"),
        (("{mobile}", "--boxes", "nan.json"), "nan.json: box 0 is left out: NaN or infinity"),
        (("{mobile}", "--boxes", "none.json"), "none.json: no such file; pass a file or folder of boxes"),
        (
            ("{mobile}", "--boxes", "flat.json", "--detector", "{crowd}"),
            "--boxes and --detector exclude each other",
        ),
        (
            ("{crowd}", "--boxes", "flat.json"),
            "--boxes: lightweight-openpose-2d detects people in the whole image",
        ),
        (
            ("{crowd}", "--detector", "{crowd}"),
            "--detector: lightweight-openpose-2d detects people in the whole image",
        ),
        (
            ("{mobile}", "--detector", "{hg}"),
            "--detector hg.xml: pose-hg-3d takes one person at a time and cannot detect people",
        ),
        (("{mobile}", "--detector", "none.xml"), "none.xml: no such file"),
        (("{hg2d}", "--fx", 700), f"--fx: {TWO_D}, which do not depend on the camera"),
        (
            ("{hg}", "--fx", 700),
            "pose-hg-3d returns positions relative to the pelvis, which do not depend on the camera",
        ),
        (
            ("{mobile}", "--refine"),
            "--refine: mobile-human-pose has no heatmaps, so its positions are not rounded to cells",
        ),
        (("{mobile}", "--fx", 0), "--fx 0: expected a focal length in px, above 0"),
    ],
)
def test_bad_input_is_refused(
    arguments: tuple[object, ...], message: str, crops: Path, human: Path, refused: Callable[..., str]
) -> None:
    mobile, hg, hg2d = (crops / "out" / f"{name}.xml" for name in ("mobile", "hg", "hg2d"))
    crowd = human / "out" / "human.onnx"
    Path("outside.json").write_text("[[900, 20, 100, 180]]")
    Path("flat.json").write_text("[[10, 20, 0, 180]]")
    Path("short.json").write_text("[[10, 20, 100]]")
    Path("nan.json").write_text("[[10, 20, NaN, 40]]")
    arguments = fill(arguments, mobile=mobile, hg=hg, hg2d=hg2d, crowd=crowd)
    model, *options = arguments
    assert message in refused("predict", model, "photo.png", *options), arguments
    assert not list(Path("poses").glob("*"))


def _variant(name: str) -> nn.Module:
    """Return a small network of a variant that ``CROPS`` does not contain."""
    if name == "bottlenecks":
        return pose_hg_3d.PoseHg3d(pose_hg_3d.Bottleneck, (1, 1, 1, 1), 8, {"hm": 17, "depth": 17})
    kind = {"LPRES": mobile_human_pose.Lpres, "LPWO": mobile_human_pose.Lpwo}[name]
    widths = mobile_human_pose.BackboneWidths(8, (8,) * 7, 16, (8, 8, 8), (8, 8, 8), 18 * kind.bins)
    network = mobile_human_pose.MobileHumanPose(kind(widths), 18)
    nn.init.normal_(network.get_parameter("backbone.final_layer.weight"), 0, 0.01)
    return network


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("LPRES", "LPRES, 18 joints"),
        ("LPWO", "LPWO, 18 joints"),
        ("bottlenecks", "1-1-1-1 bottleneck blocks, 17 joints"),
    ],
)
def test_every_variant_has_the_poses_of_pytorch(name: str, shown: str, tmp_path: Path, done: Invoke) -> None:
    torch.manual_seed(3)
    torch.save({"state_dict": _variant(name).state_dict()}, tmp_path / "a.pth")
    done("export", "a.pth", *TARGETS)
    result = done("parity", "--threads", 1, *(f"artifacts/a.{suffix}" for suffix in SUFFIXES))
    assert words(result.stdout).count("within tolerance of PyTorch") == len(SUFFIXES)
    about = words(done("inspect", "artifacts/a.onnx").stdout)
    assert shown in about
    assert ("1 x 3 x 256 x 192" in about) == (name == "bottlenecks")
