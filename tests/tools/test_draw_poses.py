"""Pictures of people without their photograph."""

from __future__ import annotations

from typing import Any

import numpy as np

from posedeploy.joint_sets import JOINT_SETS
from posedeploy.predict.joint_files.joint_source import BACKGROUND
from tools.draw_poses import picture_of, poses_of

JOINTS = JOINT_SETS["human36"]


def document(positions: bool) -> dict[str, Any]:
    stream = np.random.RandomState(0)
    points = np.concatenate([stream.uniform(20, 180, (17, 2)), np.full((17, 1), 2.0)], axis=1)
    points[3] = 0
    person = {
        "image_id": 1,
        "keypoints": points.ravel().tolist(),
        "keypoint_scores": [0.0 if index == 3 else 0.5 for index in range(17)],
        "score": 0.5,
        **({"keypoints_3d": stream.normal(0, 300, 51).tolist()} if positions else {}),
    }
    return {
        **({"origin": "root"} if positions else {}),
        "images": [{"id": 1, "width": 240, "height": 200}],
        "annotations": [person, {**person, "image_id": 2}],
        "categories": [
            {"keypoints": list(JOINTS.joints), "skeleton": [[a + 1, b + 1] for a, b in JOINTS.bones]}
        ],
    }


def test_people_of_one_image_are_drawn_on_a_blank_background() -> None:
    picture = picture_of(document(positions=False))
    assert picture.shape == (200, 240, 3)
    assert 0.4 < (picture == BACKGROUND).all(axis=2).mean() < 1


def test_lifted_people_are_also_drawn_in_3d() -> None:
    poses = poses_of(document(positions=True), 1)
    assert (len(poses), poses.root_relative) == (1, True)
    assert (poses.keypoints[0, 3] == -1).all() and poses.keypoints[0, 4, 2] == 0.5
    assert picture_of(document(positions=True)).shape == (200, 480, 3)
