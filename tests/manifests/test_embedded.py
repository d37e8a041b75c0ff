"""The manifest inside a model file."""

from __future__ import annotations

import pytest

from posedeploy import embedded_manifest, files, manifest
from posedeploy.errors import ManifestError
from posedeploy.types import Artifact
from tests.support.manifests import EVERY_STEP, edit_manifest


def test_an_embedded_manifest_is_read(lone: Artifact) -> None:
    assert manifest.has_manifest(lone.path) and manifest.locate(lone.path) == "inside the file"
    assert manifest.read(lone.path) == lone
    assert lone.files == {"net.tflite": files.sha256(lone.path)}


def test_a_file_with_an_embedded_manifest_may_be_renamed(lone: Artifact) -> None:
    renamed = lone.path.rename(lone.path.with_name("pose.tflite"))
    assert manifest.read(renamed).files == {"pose.tflite": files.sha256(renamed)}


def test_a_separate_manifest_has_precedence(lone: Artifact) -> None:
    manifest.write(lone, lone.path.parent)
    assert manifest.has_manifest(lone.path) and manifest.locate(lone.path) == "net.tflite.posedeploy.json"
    assert manifest.read(lone.path) == lone
    edit_manifest(lone, precision="fp16")
    assert manifest.read(lone.path).precision == "fp16"


def test_a_changed_model_is_refused(lone: Artifact) -> None:
    lone.path.write_bytes(lone.path.read_bytes().replace(b"flatbuffer", b"fletbuffer", 1))
    with pytest.raises(ManifestError, match=r"its model has the SHA-256 .* records another one: .* export"):
        manifest.read(lone.path)


@EVERY_STEP
def test_a_flipped_bit_is_detected(lone: Artifact, step: int) -> None:
    content = bytearray(lone.path.read_bytes())
    start = content.index(b"PK\3\4") - 4  # and the end of the model
    for bit in range(8 * start, 8 * len(content), step):
        content[bit // 8] ^= 1 << bit % 8
        lone.path.write_bytes(content)
        with pytest.raises(
            ManifestError, match=r"net\.tflite: (the manifest inside is damaged|its model has the)"
        ):
            manifest.find(lone.path)
        content[bit // 8] ^= 1 << bit % 8


@EVERY_STEP
def test_a_truncated_manifest_is_detected(lone: Artifact, step: int) -> None:
    content = lone.path.read_bytes()
    for size in range(
        content.index(embedded_manifest.NAME.encode()) + len(embedded_manifest.NAME), len(content), step
    ):
        lone.path.write_bytes(content[:size])
        with pytest.raises(
            ManifestError, match=r"the manifest inside is damaged \(its bytes were changed, trunc"
        ):
            manifest.has_manifest(lone.path)


@pytest.mark.parametrize("more", [b"\0", b"PK\5\6" + bytes(18)])
def test_bytes_after_the_manifest_are_detected(lone: Artifact, more: bytes) -> None:
    lone.path.write_bytes(lone.path.read_bytes() + more)
    with pytest.raises(
        ManifestError, match=r"its bytes were changed, truncated or added to\); export the art"
    ):
        manifest.find(lone.path)


def test_an_edited_embedded_manifest_is_refused(lone: Artifact) -> None:
    """A ZIP tool writes the edited manifest."""
    inside = embedded_manifest.read(lone.path)
    assert inside is not None
    lone.path.write_bytes(lone.path.read_bytes()[: inside.model_size])
    embedded_manifest.append(lone.path, inside.content.replace(b'"nhwc"', b'"nchw"', 1))
    with pytest.raises(
        ManifestError, match=r"net\.tflite: the manifest was damaged or edited: .*; export the"
    ):
        manifest.read(lone.path)
