"""A network that was trained on the user's own keypoints, from the checkpoint to poses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d
from posedeploy.checkpoints.lightweight_openpose_layers import Sizes
from tests.commands.conftest import Invoke, words
from tests.support.lifting import small_gtrs, write

BUILDER = """
from dataclasses import replace

import torch
from posedeploy.specs import image_spec
from tests.predict.conftest import CrowdNetwork, spec_of
from tests.support.synthetic_maps import Maps, crowd

KINDS = [1, 2, 3, 4]  # neck, right shoulder, elbow and wrist


def build():
    whole = crowd(2)
    heatmaps, pafs = whole.heatmaps[[*KINDS, 18]], whole.pafs[12:18]
    channels = {"heatmaps": 5, "pafs": 6}
    spec = image_spec("lightweight-openpose-2d", "arm", channels, {name: name for name in channels})
    lengths = {"batch": 1, "height": 256, "width": 456}
    spec = replace(spec, inputs=tuple(tensor.fixed(lengths) for tensor in spec.inputs))
    return CrowdNetwork(Maps(heatmaps, pafs, whole.features, whole.keypoints)), spec


if __name__ == "__main__":
    torch.save(build()[0].state_dict(), "arm.pth")
"""
NAMES = ["neck", "r_sho", "r_elb", "r_wri"]
TOML = f"keypoint_names = {json.dumps(NAMES)}\nskeleton = [[0, 1], [1, 2], [2, 3]]\n"


@pytest.fixture
def arm() -> tuple[str, str]:
    """``arm.pth`` and its description ``arm é.toml`` in the working folder; the option of the network."""
    Path("arm_net.py").write_text(BUILDER)
    Path("arm é.toml").write_text(TOML, encoding="utf-8")
    scope: dict[str, object] = {"__name__": "__main__"}
    exec(compile(BUILDER, "arm_net.py", "exec"), scope)
    return "--network", "arm_net.py:build"


def people_in(folder: str) -> list[list[float]]:
    document = json.loads(Path(folder, "poses.json").read_text())
    assert document["categories"][0]["keypoints"] == NAMES
    assert document["categories"][0]["skeleton"] == [[1, 2], [2, 3], [3, 4]]
    return [annotation["keypoints"] for annotation in document["annotations"]]


def test_a_description_for_predict_or_for_export_has_the_same_result(
    arm: tuple[str, str], done: Invoke, refused: Callable[..., str]
) -> None:
    done("synthetic", "--count", "1", "-o", "images")
    image = "images/000000.png"
    done("export", "arm.pth", "--to", "onnx", "--name", "bare", "-o", "out", *arm)
    template = "--contract FILE.toml, now or on export; write the lines keypoint_names = "
    assert template in refused("predict", "out/bare.onnx", image, "-o", "bare")
    done("predict", "out/bare.onnx", image, "-o", "bare", "--contract", "arm é.toml")
    done(
        *("export", "arm.pth", "--to", "onnx", "--name", "named", "-o", "out"),
        *("--contract", "arm é.toml", *arm),
    )
    done("predict", "out/named.onnx", image, "-o", "named")
    assert len(people_in("bare")) == 2
    assert people_in("bare") == people_in("named")
    annotations = ("--annotations", "images/annotations.json", "--images", "images")
    assert template in refused("evaluate", "out/bare.onnx", *annotations)
    shown = words(done("evaluate", "out/named.onnx", *annotations).stdout)
    assert "2 people detected in 1 image; 3 keypoints scored" in shown, "COCO has no neck"


def test_parity_compares_keypoints_only_with_a_description(arm: tuple[str, str], done: Invoke) -> None:
    done("export", "arm.pth", "--to", "torchscript", "-o", "out", *arm)
    result = done("parity", "out/arm.torchscript", *arm)
    assert "only outputs are compared, not keypoints: this lightweight-openpose-2d has 4" in result.stderr
    assert "keypoints: not compared" in words(result.stdout)
    named = words(done("parity", "out/arm.torchscript", "--contract", "arm é.toml", *arm).stdout)
    assert "22 people matched, 0 missed, 0 extra" in named


def test_the_keypoints_of_a_checkpoint_can_be_described(
    tmp_path: Path, done: Invoke, refused: Callable[..., str]
) -> None:
    torch.manual_seed(0)
    torch.save(LightweightOpenPose2d(Sizes(1, 16, 7, 10)).state_dict(), "own.pth")
    Path("own.toml").write_text("skeleton = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 6]]")
    shown = words(done("inspect", "own.pth").stdout)
    assert "keypoints 6: joint_0 joint_1 joint_2 joint_3 joint_4 joint_5" in shown
    assert "limbs 5, not described" in shown
    assert "own.toml: skeleton[4] is [4, 6]; expected two different keypoints from 0 to 5" in refused(
        "export", "own.pth", "--contract", "own.toml"
    )
    Path("own.toml").write_text("skeleton = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]")
    shown = words(done("inspect", "own.pth", "--contract", "own.toml").stdout)
    assert "limbs 5: joint_0-joint_1 joint_1-joint_2" in shown


def test_the_joints_of_a_lifting_network_can_be_described(
    tmp_path: Path, done: Invoke, refused: Callable[..., str]
) -> None:
    write(small_gtrs(6), Path("six.pth"))
    done("export", "six.pth", "--to", "torchscript", "--dynamic", "-o", "out")
    shown = words(done("inspect", "out/six.torchscript").stdout)
    assert "joints 2D joints of its own, normalized per person keypoints 6: joint_0 joint_1" in shown
    assert "within tolerance of PyTorch" in words(done("parity", "out/six.torchscript").stdout)
    people = np.random.RandomState(0).uniform(10, 200, (2, 6, 2))
    np.save("people.npy", people)
    messages = done("predict", "out/six.torchscript", "people.npy", "-o", "numbered").stderr
    assert (
        "the 6 keypoints of this gtrs have numbers instead of names; --contract FILE.toml names them"
        in messages
    )
    Path("six.toml").write_text(
        "keypoint_names = ['a', 'b', 'c', 'd', 'e', 'f']\nskeleton = [[0, 1], [1, 5]]"
    )
    done("predict", "out/six.torchscript", "people.npy", "-o", "named", "--contract", "six.toml")
    numbered, named = (json.loads(Path(folder, "poses.json").read_text()) for folder in ("numbered", "named"))
    assert [category["keypoints"][5] for category in (*numbered["categories"], *named["categories"])] == [
        "joint_5",
        "f",
    ]
    assert numbered["annotations"] == named["annotations"]
    assert len(named["annotations"]) == 2
    message = "the joints of its own cannot be computed from a detector's 18 keypoints: joint_0"
    done("synthetic", "--count", "1", "-o", "images")
    assert message in refused("predict", "out/six.torchscript", "images", "--detector", "sample")
