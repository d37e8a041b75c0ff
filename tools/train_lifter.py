"""Trains Pose2Mesh's lifter, alone, on the skeletons of synthetic people, to show the chain on a photograph.

``python tools/train_lifter.py -o lifter.pth``: a small one (width 512), a minute or two on two CPU cores. Its
joints are human36's, in 2D as ``predict --detector`` makes them of OpenPose's keypoints, in 3D by the same
rules. It is not part of the package: it has seen neither photographs nor motion capture.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import files
from posedeploy.checkpoints.pose2mesh import Lifter
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.poses.joint_mapping import map_joints
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.synthetic.body import generate_build, pose
from posedeploy.synthetic.rng import Rng
from posedeploy.synthetic.stance import generate_stance
from posedeploy.types import Array

JOINTS = JOINT_SETS["human36"]
SEED, HELD_OUT_SEED = 1, 2
PEOPLE, HELD_OUT = 40_000, 2_000
WIDTH, STEPS, BATCH, PEAK_RATE = 512, 8_000, 256, 1e-3
NOISE = 0.01
"""How far a detector is off, over a person's height."""


def people(seed: int, count: int) -> tuple[Array, Array]:
    """(count, 17, 2) px on an image 1000 px wide and (count, 17, 3) mm from the pelvis on, of people at
    different distances from different cameras."""
    stream = np.random.default_rng(seed)
    streams = (Rng(seed, index) for index in range(count))
    points = np.array([pose(generate_build(rng), generate_stance(rng)).joints for rng in streams])
    points = points[:, : len(KEYPOINT_NAMES)]
    focal = stream.uniform(800, 1600, (count, 1, 1))
    place = np.stack(
        [stream.uniform(-0.4, 0.4, count), stream.uniform(-0.2, 0.2, count), np.ones(count)], axis=1
    )
    seen = points + (place * stream.uniform(2500, 9000, (count, 1)))[:, None]
    pixels = seen[..., :2] / seen[..., 2:] * focal + 500
    joints_px = _mapped(pixels)
    joints_mm = np.concatenate([_mapped(points[..., :2]), _mapped(points[..., 1:])[..., 1:]], axis=2)
    return joints_px, joints_mm - joints_mm[:, :1]


def _mapped(points: Array) -> Array:
    """Two coordinates of the 18 keypoints as those of the joints."""
    scored = np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2)
    return map_joints(scored, KEYPOINT_NAMES, JOINTS).joints[..., :2]


def normalized(joints_px: Array) -> torch.Tensor:
    """The network's input, as ``poses.joints.prepare_joints`` makes it, without its checks of each person."""
    scaled = (joints_px - joints_px.mean(axis=1, keepdims=True)) / joints_px.std(axis=1, keepdims=True)
    return torch.from_numpy(scaled.astype(np.float32))


def train(network: Lifter, inputs: Array, wanted: Array) -> None:
    """Least absolute differences, with the noise of a detector generated anew in each step."""
    stream = np.random.default_rng(SEED)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=STEPS)
    heights = np.ptp(inputs[..., 1], axis=1)[:, None, None]
    network.train()
    for step in range(STEPS):
        batch = stream.integers(0, len(inputs), BATCH)
        noisy = inputs[batch] + stream.normal(0, NOISE, inputs[batch].shape) * heights[batch]
        loss = nn.functional.l1_loss(
            network(normalized(noisy)), torch.from_numpy(wanted[batch].astype(np.float32))
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 1000 == 0:
            print(f"step {step}: off by {loss.item():.1f} mm along each axis", flush=True)
    network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    torch.manual_seed(SEED)
    network = Lifter(len(JOINTS), WIDTH)
    train(network, *people(SEED, PEOPLE))
    inputs, wanted = people(HELD_OUT_SEED, HELD_OUT)
    with torch.inference_mode():
        found = network(normalized(inputs)).numpy()
    distance = np.linalg.norm(found - found[:, :1] - wanted, axis=2).mean()
    print(f"{HELD_OUT} held-out people: joints {distance:.1f} mm off in the mean (MPJPE)")
    with files.staged(given.output.absolute().parent) as stage:
        torch.save({"model_state_dict": network.state_dict()}, stage / given.output.name)


if __name__ == "__main__":
    main()
