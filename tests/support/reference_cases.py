"""The reference cases, as tensors: weights by rule, inputs, and the outputs of the published network.

The rule is that of ``shared/reference/make_checkpoint.py``: a row of ``state_dict.json`` is name, shape,
dtype, fill, a, b, and each tensor comes from NumPy's frozen ``RandomState`` stream, seeded by the CRC-32 of
its name.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from posedeploy.types import Array, Tensors

BUNDLED = Path(__file__).resolve().parents[1] / "data" / "cases"
"""The cases that the repository itself holds, for machines without the shared folder."""
PUBLISHED = (
    "lightweight-openpose-2d",
    "lightweight-openpose-3d",
    "mobile-human-pose-lpski",
    "mobile-human-pose-lpres",
    "mobile-human-pose-lpwo",
    "pose2mesh-human36",
    "gtrs-human36",
    "pose-hg-3d-msra50",
)
"""A case of every network and of every variant that differs in its operators."""
TRAVELLING = tuple(name for name in PUBLISHED if (BUNDLED / name).exists())
"""Those of them that the repository itself holds."""


@dataclass(frozen=True)
class Case:
    """One published network, filled by the rule."""

    folder: Path

    @cached_property
    def about(self) -> dict[str, Any]:
        """How the checkpoint is wrapped, and which runs there are."""
        about: dict[str, Any] = json.loads((self.folder / "case.json").read_text())
        return about

    @cached_property
    def golden(self) -> Tensors:
        """Inputs and outputs, by ``in:RUN``, ``out:RUN:NAME``, ``probe_index:RUN:NAME``,
        ``probe:RUN:NAME``."""
        return dict(np.load(self.folder / "golden.npz"))

    def tensors(self) -> Tensors:
        """The weights, in the published order."""
        rows = json.loads((self.folder / "state_dict.json").read_text())
        return {
            name: self.golden[f"given:{name}"] if kind == "given" else _filled(name, shape, dtype, kind, a, b)
            for name, shape, dtype, kind, a, b in rows
        }

    def write(self, path: Path) -> Path:
        """The checkpoint, wrapped as the family's own training code wraps it."""
        import torch

        wrap = self.about["checkpoint"]
        weights = {wrap["prefix"] + name: torch.from_numpy(array) for name, array in self.tensors().items()}
        torch.save(weights if wrap["key"] is None else {**wrap["beside"], wrap["key"]: weights}, path)
        return path

    def write_mesh(self, path: Path) -> Path | None:
        """The faces of the mesh that it was made with, .npy; None of a network without one."""
        if "mesh_faces" not in self.golden:
            return None
        np.save(path, self.golden["mesh_faces"])
        return path

    def input(self, run: dict[str, Any]) -> Array:
        """The image tensor of a run: stored, or drawn by its ``input_rule``."""
        name = run["input"]
        if f"in:{name}" in self.golden:
            return self.golden[f"in:{name}"]
        rule = re.fullmatch(
            r'float32\((.+) \* RandomState\(crc32\("(.+)"\)\)\.standard_normal\(shape\)\)', run["input_rule"]
        )
        assert rule, run["input_rule"]
        stream = np.random.RandomState(zlib.crc32(rule[2].encode()))
        return np.asarray(float(rule[1]) * stream.standard_normal(run["shape"]), np.float32)

    def published(self, run: dict[str, Any], name: str, count: int) -> Array:
        """The published output of a run, whole; a mesh's ``count`` vertices in the order of its own file."""
        published: Array = self.golden[f"out:{run['input']}:{name}"]
        if name == "cam_mesh" and "perm_reverse" in self.golden:
            published = published[:, self.golden["perm_reverse"][:count]]
        return published

    def distance(self, run: dict[str, Any], name: str, output: Array) -> float:
        """The largest difference from the published output, relative to that output's largest value."""
        key = f"{run['input']}:{name}"
        if f"out:{key}" in self.golden:
            wanted, found = self.published(run, name, output.shape[1]), output
        else:
            wanted, found = self.golden[f"probe:{key}"], output.ravel()[self.golden[f"probe_index:{key}"]]
        return float(np.abs(found - wanted).max() / run["outputs"][name]["absmax"])


def _filled(name: str, shape: list[int], dtype: str, kind: str, a: float, b: float) -> Array:
    stream = np.random.RandomState(zlib.crc32(name.encode()))
    match kind:
        case "normal":
            return np.asarray(a * stream.standard_normal(shape), dtype)
        case "uniform":
            return np.asarray(stream.uniform(a, b, shape), dtype)
        case "constant":
            return np.full(shape, a, dtype)
    raise ValueError(f"{name}: unknown fill {kind!r}")
