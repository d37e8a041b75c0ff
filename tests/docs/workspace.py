"""The files that the commands of the documentation work on, made from synthetic data."""

from __future__ import annotations

import json
import runpy
import shutil
from pathlib import Path

import cv2
import numpy as np
import torch

from posedeploy.checkpoints import lightweight_openpose_layers as layers
from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d
from posedeploy.checkpoints.sample import open_sample
from posedeploy.synthetic.coco_annotations import write_images
from tests.docs.pages import ROOT
from tests.support.bodies import synthetic_people
from tests.support.lifting import small_gtrs, write
from tests.support.networks import write_crop_network

FISH = """
keypoint_names = ["nose", "dorsal_fin", "tail", "l_fin", "r_fin", "belly"]
skeleton = [[0, 1], [1, 2], [1, 3], [1, 4], [1, 5]]
"""
BOXES = [[40, 20, 90, 150], [120, 30, 80, 140]]


def write_workspace(folder: Path) -> None:
    """Write every file that a page names and that its own commands do not write."""
    _write_images(folder)
    _write_checkpoints(folder)
    _write_people(folder)


def _write_images(folder: Path) -> None:
    write_images(folder / "val", 2, seed=3, size=(192, 256), people=2)
    (folder / "photos").mkdir()
    images = [cv2.imread(str(path)) for path in sorted((folder / "val").glob("0*"))]
    for name, image in zip(("photos/a.jpg", "photos/b.jpg"), images, strict=True):
        assert image is not None
        cv2.imwrite(str(folder / name), image)
    shutil.copy(folder / "photos" / "a.jpg", folder / "photo.jpg")
    writer = cv2.VideoWriter(str(folder / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (256, 192))
    for image in images * 2:
        assert image is not None
        writer.write(cv2.resize(image, (256, 192)))
    writer.release()


def _write_checkpoints(folder: Path) -> None:
    torch.manual_seed(1)
    torch.save({"state_dict": open_sample().module.state_dict()}, folder / "human.pth")
    fish = LightweightOpenPose2d(layers.Sizes(heatmaps=7, pafs=10))
    torch.save({"state_dict": fish.state_dict()}, folder / "fish.pth")
    (folder / "fish.toml").write_text(FISH)
    write_crop_network("mobile", folder / "mobile.pth")
    write(small_gtrs(), folder / "gtrs.pth")
    shutil.copytree(ROOT / "examples", folder / "examples")
    example = runpy.run_path(str(ROOT / "examples" / "human_pose_estimation_0001.py"))
    torch.save({"state_dict": example["build"]().state_dict()}, folder / "weights.pth")


def _write_people(folder: Path) -> None:
    (folder / "boxes.json").write_text(json.dumps(BOXES))
    (folder / "labels").mkdir()
    for name in ("a", "b"):
        (folder / "labels" / f"{name}.txt").write_text("0 0.35 0.5 0.31 0.8\n")
    (folder / "mot.txt").write_text("1,3,40,20,90,150,1,-1,-1,-1\n2,3,42,20,90,150,1,-1,-1,-1\n")
    np.save(folder / "joints.npy", synthetic_people("human36"))
    body = synthetic_people("body25", 1, scored=True)[0]
    (folder / "openpose_output").mkdir()
    for frame in range(3):
        person = {"pose_keypoints_2d": (body + np.array((2 * frame, 0, 0))).flatten().tolist()}
        path = folder / "openpose_output" / f"clip_{frame:012d}_keypoints.json"
        path.write_text(json.dumps({"people": [person]}))
    keypoints = synthetic_people("coco-17", 1, scored=True)[0].flatten().tolist()
    result = {"image_id": "a.jpg", "category_id": 1, "keypoints": keypoints, "score": 2.5}
    (folder / "alphapose-results.json").write_text(json.dumps([result]))
