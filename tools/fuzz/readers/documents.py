"""Readers of manifests and contracts, and of the details of compiled code in manifests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from posedeploy import contracts, manifest, native_code
from posedeploy.aoti_package.build import read_build
from posedeploy.aoti_package.cpp_library import format_versions, read_package_versions
from posedeploy.api.certificate.document import digest_of, read_certificate
from posedeploy.api.certificate.numbers import compare_limited, count_numbers, list_changes
from posedeploy.api.certificate.verifying import verify
from posedeploy.api.stored_inputs import select_inputs
from posedeploy.benchmarks.reference_file import open_reference
from posedeploy.environments.state import MARKER, BrokenEnvironmentError, read_marker
from posedeploy.errors import InputError, PoseDeployError
from posedeploy.manifest_document import SUFFIX
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.text_files import encode_json, parse_json
from posedeploy.types import Artifact, ModelSpec
from tests.support.manifests import PROVENANCE
from tools.fuzz.seeds.documents import CERTIFIED_RESULT, INPUTS, MODEL, OUTPUTS, sample_spec


def reference_file(path: Path) -> None:
    """Read a reference file, and each input as that of an artifact of its network."""
    reference = open_reference(path)
    spec = reference.document.spec
    artifact = Artifact(path, "onnx", spec, "fp32", {}, PROVENANCE)
    for _ in select_inputs(artifact, reference, spec, {}):
        pass


def certificate(path: Path) -> None:
    """Verify a certificate as it is and with the right digest, and compare its numbers with others."""
    _try_all(lambda: verify(path), lambda: verify(_sign(path)), lambda: _compare_numbers(_sign(path)))


def _sign(path: Path) -> Path:
    """Write the content of a certificate with the right digest to another file, and return its path."""
    content = parse_json(path.read_bytes(), path, "a certificate", dict[str, Any])
    try:
        digest = digest_of(content)
    except ValueError as error:
        raise InputError(str(error)) from error
    signed = path.with_name(f"signed-{path.name}")
    signed.write_bytes(encode_json({**content, "sha256": digest}))
    return signed


def _compare_numbers(path: Path) -> None:
    for result in read_certificate(path).parity["results"]:
        count_numbers(result)
        for other in (CERTIFIED_RESULT, {}):
            compare_limited(result, other)
            list(list_changes(other, result))


def contract(path: Path) -> None:
    """Read a contract, apply it to the tensors of a model, and use its keypoints for a checkpoint."""
    _try_all(
        lambda: contracts.apply_contract(contracts.read(path), INPUTS, OUTPUTS, str(path)),
        lambda: contracts.add_description(sample_spec(), path, "net.pth"),
    )


def manifest_file(path: Path) -> None:
    """Read a manifest in a separate file."""
    model = path.with_name(path.name.removesuffix(SUFFIX))
    if not model.is_file():
        model.write_bytes(MODEL)
    _use_artifact(manifest.read(model))


def manifest_inside(path: Path) -> None:
    """Read the manifest in a ``.tflite`` file."""
    manifest.locate(path)
    _use_artifact(manifest.read(path))


def build_details(path: Path) -> None:
    """Read the details of an engine, a package and compiled code from JSON."""
    details = parse_json(path.read_bytes(), path, "details", dict[str, object])
    spec: ModelSpec = sample_spec()
    artifact = Artifact(path, "tensorrt", spec, "fp32", {}, PROVENANCE, details)
    _try_all(
        lambda: build_info_of(artifact),
        lambda: read_build(path, details, spec),
        lambda: native_code.check_requirements(path, details, "cpu"),
    )


def aoti_metadata(path: Path) -> None:
    """Read the names of the libraries that an AOTInductor package needs."""
    format_versions(read_package_versions(path))


def isolated_environment(path: Path) -> None:
    """Read the marker of an isolated environment."""
    marker = path.with_name(MARKER)
    marker.write_bytes(path.read_bytes())
    try:
        read_marker(marker.parent)
    except BrokenEnvironmentError as broken:
        raise PoseDeployError(str(broken)) from broken


def _use_artifact(artifact: Artifact) -> None:
    msgspec.json.encode(artifact.spec)
    manifest.outdated(artifact.path)


def _try_all(*uses: Callable[[], object]) -> None:
    """Call all of them; if each raises a ``PoseDeployError``, raise the first one."""
    errors: list[PoseDeployError] = []
    for use in uses:
        try:
            use()
        except PoseDeployError as error:
            errors.append(error)
    if len(errors) == len(uses):
        raise errors[0]
