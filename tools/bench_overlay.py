"""Time the camera of a mesh overlay, in closed form and by the published gradient steps, and the drawing.

    python tools/bench_overlay.py [ROUNDS]

The camera projects 17 joints onto the image; the mesh has the size of that of SMPL. The tool asserts nothing.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.poses.draw_mesh import draw_mesh
from posedeploy.poses.weak_perspective import WeakPerspective, fit_camera
from posedeploy.types import Array
from tools.bench_costs import interleaved, spread
from tools.command_line import parse_rounds, run_tool
from tools.published_networks import smpl_like_mesh

STEPS = 1500
"""The gradient steps of the published demo."""


def descended(joints: Array, pixels: Array) -> WeakPerspective:
    """Return the camera by gradient descent. The scale is relative to the size of the joints, so that one
    step length fits all three unknowns."""
    size = np.abs(joints).mean()
    unknown = np.array([0.0, *pixels.mean(axis=0)])
    for _ in range(STEPS):
        error = unknown[0] * joints[:, :2] / size + unknown[1:] - pixels
        unknown -= 0.02 * np.array([(error * joints[:, :2] / size).sum(), *error.sum(axis=0)])
    return WeakPerspective(float(unknown[0] / size), (float(unknown[1]), float(unknown[2])))


def main() -> None:
    """Print all times, and the errors of both cameras."""
    rounds = parse_rounds(__doc__, 15)
    stream = np.random.RandomState(4)
    joints = stream.normal(0, 400, (17, 3))
    pixels = WeakPerspective(0.23, (320.0, 240.0)).project(joints) + stream.normal(0, 5, (17, 2))
    faces = smpl_like_mesh()
    vertices = stream.normal(0, 300, (int(faces.max()) + 1, 3))
    image = np.zeros((480, 640, 3), np.uint8)
    camera = fit_camera(joints, pixels)
    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: fit_camera(joints, pixels),
        "steps": lambda: descended(joints, pixels),
        "drawing": lambda: draw_mesh(image, vertices, faces, camera, (90, 160, 240)),
    }
    times = interleaved(calls, rounds)
    errors = [
        float(np.linalg.norm(each.project(joints) - pixels, axis=1).mean())
        for each in (camera, descended(joints, pixels))
    ]
    ratio = statistics.median(times["steps"]) / statistics.median(times["ours"])
    print(f"camera: closed form {spread(times['ours'], 1e3)} ms")
    print(f"the same by {STEPS} steps: {spread(times['steps'], 1e3)} ms")
    print(f"ratio {ratio:.0f}; joints off by {errors[0]:.6f} px and {errors[1]:.6f} px; goal: under 20 ms")
    print(f"drawing {len(faces)} triangles on 640x480: {spread(times['drawing'], 1e3)} ms")


if __name__ == "__main__":
    run_tool(main)
