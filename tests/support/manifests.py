"""The spec and the provenance in the manifests of the tests, and a way to change a manifest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from posedeploy import manifest
from posedeploy.manifest_document import seal
from posedeploy.types import Artifact, InputContract, ModelSpec, Provenance, TensorSpec

SPEC = ModelSpec(
    family="lightweight-openpose-2d",
    variant="2 refinement stages",
    inputs=(TensorSpec("data", ("batch", 3, "height", 456), "float32", "NCHW"),),
    outputs=(TensorSpec("maps", ("batch", 19, "height/8", 57)), TensorSpec("cells", (1, 2), "int64")),
    contract=InputContract(
        256, 456, (1.0, 2.5, 3.0), (4.0, 5.0, 6.0), "RGB", "crop", 16, ("color", "normalization")
    ),
    roles={"heatmaps": "maps"},
    keypoint_names=("nose", "neck"),
    skeleton=((0, 1),),
    unit="mm",
)
PROVENANCE = Provenance(
    "/a/b.pth", "f" * 64, "net.py:build", {"torch": "2.13.0"}, {"batch": "1"}, "2026-01-01T00:00:00+00:00"
)


def edit_manifest(artifact: Artifact, **fields: Any) -> None:
    """Replace fields of an artifact's manifest and seal it again."""
    path = manifest.path_of(artifact.path)
    path.write_bytes(seal({**json.loads(path.read_text()), **fields}))


EVERY_STEP = pytest.mark.parametrize("step", [61, pytest.param(1, marks=pytest.mark.slow)])
"""Every 61st bit or byte in the quick tests; every one in the slow tests."""
