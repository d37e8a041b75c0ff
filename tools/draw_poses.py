"""Draw the people of a ``poses.json`` on a blank background, without the image.

``python tools/draw_poses.py poses.json -o PICTURE`` draws the first image in the file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import files
from posedeploy.predict.joint_files.joint_source import BACKGROUND
from posedeploy.predict.pictures import Painter
from posedeploy.types import Array, ModelSpec, Poses
from tools.command_line import run_tool
from tools.contact_sheet import picture_path
from tools.poses_file import read_poses


def poses_of(document: dict[str, Any], image: int) -> Poses:
    """Return the people of one image."""
    people = [person for person in document["annotations"] if person["image_id"] == image]
    keypoints = np.array([person["keypoints"] for person in people], np.float64).reshape(len(people), -1, 3)
    seen = keypoints[..., 2:] > 0
    scores = np.array([person["keypoint_scores"] for person in people])[..., None]
    keypoints = np.where(seen, np.concatenate([keypoints[..., :2], scores], axis=2), -1.0)
    joints = None
    if people and people[0].get("keypoints_3d"):
        places = np.array([person["keypoints_3d"] for person in people]).reshape(len(people), -1, 3)
        joints = np.concatenate([places, scores], axis=2)
    root_relative = document.get("origin") == "root"
    return Poses(
        keypoints, np.array([person["score"] for person in people]), joints, root_relative=root_relative
    )


def picture_of(document: dict[str, Any]) -> Array:
    """Return (H, W, 3) uint8 BGR: the skeletons, and the 3D scene next to them."""
    image, category = document["images"][0], document["categories"][0]
    skeleton = tuple((a - 1, b - 1) for a, b in category["skeleton"])
    spec = ModelSpec("", "", (), (), keypoint_names=tuple(category["keypoints"]), skeleton=skeleton)
    ground = np.full((image["height"], image["width"], 3), BACKGROUND, np.uint8)
    return Painter(spec, is_video=False)(ground, poses_of(document, image["id"]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("poses", type=Path)
    parser.add_argument("-o", "--output", type=picture_path, required=True)
    arguments = parser.parse_args()
    picture = picture_of(read_poses(arguments.poses))
    _, encoded = cv2.imencode(arguments.output.suffix, picture)
    with files.staged(arguments.output.absolute().parent) as stage:
        (stage / arguments.output.name).write_bytes(encoded.data)


if __name__ == "__main__":
    run_tool(main)
