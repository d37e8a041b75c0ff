"""Train the lifter of Pose2Mesh on the skeletons of synthetic people, to demonstrate lifting on a photograph.

``python tools/train_lifter.py -o lifter.pth`` trains a small network (width 512) in a minute or two on two
CPU cores. Its joints are those of human36: the 2D joints are mapped from the keypoints of OpenPose as in
``predict --detector``, and the 3D joints by the same rules. It is not part of the package, because it was
trained on neither photographs nor motion capture.
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
from posedeploy.checkpoints.pose2mesh import LifterNetwork
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.poses.joint_mapping import map_joints
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.synthetic.body import generate_physique, pose
from posedeploy.synthetic.rng import Rng
from posedeploy.synthetic.stance import generate_stance
from posedeploy.types import Array
from tools.command_line import run_tool

JOINTS = JOINT_SETS["human36"]
SEED, HELD_OUT_SEED = 1, 2
PEOPLE, HELD_OUT = 40_000, 2_000
WIDTH, STEPS, BATCH, PEAK_RATE = 512, 8_000, 256, 1e-3
NOISE = 0.01
"""The std of a detector's errors, relative to the height of a person."""


def people(seed: int, count: int) -> tuple[Array, Array]:
    """Return people at different distances from different cameras: (count, 17, 2) px in an image of 1000 px
    width, and (count, 17, 3) mm relative to the pelvis."""
    stream = np.random.default_rng(seed)
    streams = (Rng(seed, index) for index in range(count))
    points = np.array([pose(generate_physique(rng), generate_stance(rng)).joints for rng in streams])
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
    """Map two coordinates of the 18 keypoints to the joints."""
    scored = np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2)
    return map_joints(scored, KEYPOINT_NAMES, JOINTS).joints[..., :2]


def normalized(joints_px: Array) -> torch.Tensor:
    """Return the input of the network as ``poses.preprocess_joints`` computes it, without checks of each
    person."""
    scaled = (joints_px - joints_px.mean(axis=1, keepdims=True)) / joints_px.std(axis=1, keepdims=True)
    return torch.from_numpy(scaled.astype(np.float32))


def train(network: LifterNetwork, inputs: Array, wanted: Array) -> None:
    """Minimize the absolute differences; each step adds new noise of a detector."""
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
            print(f"step {step}: mean error {loss.item():.1f} mm per axis", flush=True)
    network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    torch.manual_seed(SEED)
    network = LifterNetwork(len(JOINTS), WIDTH)
    train(network, *people(SEED, PEOPLE))
    inputs, wanted = people(HELD_OUT_SEED, HELD_OUT)
    with torch.inference_mode():
        predicted = network(normalized(inputs)).numpy()
    distance = np.linalg.norm(predicted - predicted[:, :1] - wanted, axis=2).mean()
    print(f"{HELD_OUT} held-out people: MPJPE {distance:.1f} mm")
    with files.staged(arguments.output.absolute().parent) as stage:
        torch.save({"model_state_dict": network.state_dict()}, stage / arguments.output.name)


if __name__ == "__main__":
    run_tool(main)
