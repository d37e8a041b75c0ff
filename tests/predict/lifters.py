"""Networks on 2D joints that need no framework: they scale their input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posedeploy.joint_sets import JOINT_SETS
from posedeploy.runtimes.base import Runner
from posedeploy.specs import joints_spec
from posedeploy.types import Array, ModelSpec, RuntimeInfo, Tensors

MM = 300.0
FACES = np.array([(0, 1, 2), (0, 2, 3), (0, 3, 1), (1, 3, 2)])
"""A tetrahedron's triangles, those of the mesh of the networks with one."""
CORNERS_M = np.array([(0, -0.6, 0), (-0.3, 0.4, -0.2), (0.3, 0.4, -0.2), (0, 0.4, 0.3)])


def lifter_spec(
    joint_set: str = "human36", *, batch: int | None = None, vertices: int | None = None
) -> ModelSpec:
    """Return the spec of gtrs for ``batch`` people; by default for any number."""
    spec = joints_spec("gtrs", JOINT_SETS[joint_set], vertices)
    lengths = {} if batch is None else {"batch": batch}
    return replace(
        spec,
        inputs=tuple(tensor.fixed(lengths) for tensor in spec.inputs),
        outputs=tuple(tensor.fixed(lengths) for tensor in spec.outputs),
    )


class StretchRunner(Runner):
    """Returns ``MM`` times each normalized joint, at depth 0, and records the people of each run."""

    def __init__(self, spec: ModelSpec) -> None:
        self.inputs, self.outputs = spec.inputs, spec.outputs
        self.runtime_info = RuntimeInfo("stretch", "1", "CPU", "fp32", 1)
        self.batches: list[int] = []

    def _run(self, tensors: Tensors) -> Tensors:
        (joints,) = tensors.values()
        self.batches.append(len(joints))
        mesh: Array = np.repeat(CORNERS_M[None], len(joints), axis=0).astype(np.float32)
        outputs = {"pose3d": np.pad(MM * joints, ((0, 0), (0, 0), (0, 1))), "cam_mesh": mesh}
        return {spec.name: outputs[spec.name] for spec in self.outputs}
