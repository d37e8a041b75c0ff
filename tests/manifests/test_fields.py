"""Fields of a manifest with values that no export writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from posedeploy import manifest
from posedeploy.errors import ManifestError
from posedeploy.manifest_document import seal
from posedeploy.types import Artifact
from tests.support.manifests import edit_manifest


@pytest.mark.parametrize(
    "fields",
    [
        {"spec": {}},
        {"files": 3},
        {"precision": None},
        {"target": 1},
        {"provenance": None},
        {"inference_precision": "fp8"},
    ],
)
def test_a_field_of_a_wrong_type_is_refused(artifact: Artifact, fields: dict[str, Any]) -> None:
    edit_manifest(artifact, **fields)
    with pytest.raises(ManifestError, match="the manifest is damaged"):
        manifest.read(artifact.path)


@pytest.mark.parametrize("field", ["std", "multiple", "height"])
def test_a_contract_with_a_zero_divisor_is_refused(artifact: Artifact, field: str) -> None:
    document = json.loads(manifest.path_of(artifact.path).read_text())
    contract = document["spec"]["contract"]
    contract[field] = [1.0, 0.0, 1.0] if field == "std" else 0
    edit_manifest(artifact, spec=document["spec"])
    with pytest.raises(ManifestError, match=r"damaged \(a std or a length of 0\); export the artifact"):
        manifest.read(artifact.path)


IMPOSSIBLE = [
    ({"skeleton": [[0, 999]]}, r"the bone \[0, 999\] of \d+ keypoints"),
    ({"skeleton": [[-1, 0]]}, r"the bone \[-1, 0\]"),
    ({"heatmap_joints": [999]}, "the heatmap of keypoint 999"),
    ({"cells": -1}, "-1 cells"),
]
IMPOSSIBLE_CONTRACTS = [
    ({"height": 10**18}, "a length of 1000000000000000000, at most 65536 allowed"),
    ({"multiple": 10**9}, "a length of 1000000000"),
    ({"margin": 1e300}, r"the margin 1e\+300"),
    ({"margin": 0.0}, "the margin 0"),
]


@pytest.mark.parametrize(("fields", "message"), IMPOSSIBLE)
def test_a_spec_that_no_export_writes_is_refused(
    artifact: Artifact, fields: dict[str, Any], message: str
) -> None:
    document = json.loads(manifest.path_of(artifact.path).read_text())
    edit_manifest(artifact, spec=document["spec"] | fields)
    with pytest.raises(ManifestError, match=rf"damaged \({message}.*\); export the artifact"):
        manifest.read(artifact.path)


@pytest.mark.parametrize(("fields", "message"), IMPOSSIBLE_CONTRACTS)
def test_a_contract_that_no_export_writes_is_refused(
    artifact: Artifact, fields: dict[str, Any], message: str
) -> None:
    document = json.loads(manifest.path_of(artifact.path).read_text())
    document["spec"]["contract"] |= fields
    edit_manifest(artifact, spec=document["spec"])
    with pytest.raises(ManifestError, match=rf"damaged \({message}.*\); export the artifact"):
        manifest.read(artifact.path)


def test_a_manifest_without_provenance_is_refused(artifact: Artifact) -> None:
    path = manifest.path_of(artifact.path)
    document = json.loads(path.read_text())
    del document["provenance"]
    path.write_bytes(seal(document))
    with pytest.raises(ManifestError, match=r"the manifest is damaged \(.*provenance"):
        manifest.read(artifact.path)


@pytest.mark.parametrize("fields", [{"quantization": {"scale": 0.0, "zero_point": 0}}, {"stride": 0}])
def test_tensors_with_a_zero_divisor_are_refused(artifact: Artifact, fields: dict[str, Any]) -> None:
    document = json.loads(manifest.path_of(artifact.path).read_text())
    document["spec"]["outputs"][0] |= fields
    edit_manifest(artifact, spec=document["spec"])
    with pytest.raises(ManifestError, match=r"damaged \(the scale .* or the stride .* of maps\); export"):
        manifest.read(artifact.path)
