"""The content of a manifest is read unchanged; damage, edits and other versions are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from posedeploy import manifest
from posedeploy.errors import ManifestError
from posedeploy.limits import MAX_MANIFEST_BYTES
from posedeploy.manifest_document import parse
from posedeploy.types import Artifact
from tests.support.manifests import EVERY_STEP, edit_manifest


def test_a_written_manifest_is_read(artifact: Artifact) -> None:
    assert manifest.read(artifact.path) == artifact


def test_the_manifest_is_versioned_json(artifact: Artifact) -> None:
    document = json.loads((artifact.path.parent / "net.xml.posedeploy.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.manifest", 2)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b"null"])
def test_damaged_json_is_refused(artifact: Artifact, content: bytes) -> None:
    manifest.path_of(artifact.path).write_bytes(content)
    with pytest.raises(
        ManifestError, match=r"net\.xml\.posedeploy\.json: the manifest is damaged \(.*\); export"
    ):
        manifest.read(artifact.path)


def test_a_large_manifest_is_refused(artifact: Artifact) -> None:
    with manifest.path_of(artifact.path).open("wb") as stream:
        stream.truncate(MAX_MANIFEST_BYTES + 1)
    with pytest.raises(ManifestError, match=r"8,388,609 bytes, but a manifest may have at most 8,388,608"):
        manifest.read(artifact.path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_are_read(artifact: Artifact, encoding: str) -> None:
    path = manifest.path_of(artifact.path)
    path.write_bytes(path.read_text().replace("\n", "\r\n").encode(encoding))
    assert manifest.read(artifact.path) == artifact


def test_other_json_is_refused(artifact: Artifact) -> None:
    manifest.path_of(artifact.path).write_text('{"name": "x"}')
    with pytest.raises(ManifestError, match="not a posedeploy manifest: its format is"):
        manifest.read(artifact.path)


def test_a_newer_version_with_other_fields_is_refused(artifact: Artifact) -> None:
    edit_manifest(artifact, version=3, files=["another", "shape"])
    with pytest.raises(
        ManifestError, match="the version of the manifest is 3, expected 2; upgrade posedeploy"
    ):
        manifest.read(artifact.path)


def test_an_older_version_is_refused(artifact: Artifact) -> None:
    path = manifest.path_of(artifact.path)
    document = {**json.loads(path.read_text()), "version": 1}
    del document["manifest_sha256"]
    path.write_text(json.dumps(document))
    with pytest.raises(
        ManifestError, match=r"the version of the manifest is 1, expected 2; export the artifact again$"
    ):
        manifest.read(artifact.path)


@EVERY_STEP
def test_a_flipped_bit_is_detected_or_changes_nothing(artifact: Artifact, step: int) -> None:
    path = manifest.path_of(artifact.path)
    content, whole = bytearray(path.read_bytes()), parse(path, path.read_bytes())
    outcomes = {"noticed": 0, "unchanged": 0}
    for bit in range(0, 8 * len(content), step):
        content[bit // 8] ^= 1 << bit % 8
        try:
            assert parse(path, bytes(content)) == whole, f"bit {bit} changed the manifest unnoticed"
            outcomes["unchanged"] += 1
        except ManifestError:
            outcomes["noticed"] += 1
        content[bit // 8] ^= 1 << bit % 8
    assert outcomes["noticed"] > 10 * outcomes["unchanged"], "only spaces and the like may change"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"mean": [1', '"mean": [9'),
        ("1.0,", "1.5,"),
        ('"RGB"', '"BGR"'),
        ('"crop"', '"pad"'),
        ('"nose"', '"neck"'),
        ('"network": "net.py:build"', '"network": "net.py:other"'),
        ('"batch": "1"', '"batch": "2"'),
        ('"manifest_sha256"', '"remark"'),
    ],
)
def test_an_edited_manifest_is_refused_with_a_hint(artifact: Artifact, old: str, new: str) -> None:
    path = manifest.path_of(artifact.path)
    document = json.dumps(json.loads(path.read_text()))
    assert old in document
    path.write_text(document.replace(old, new, 1))
    with pytest.raises(
        ManifestError,
        match=r"net\.xml\.posedeploy\.json: the manifest was damaged or edited: .*manifest_sha256; export "
        r"the artifact again, or remove the manifest and describe the model with `contract=FILE\.toml`",
    ):
        manifest.read(artifact.path)


@pytest.mark.parametrize("dump", [{"indent": 7}, {"separators": (",", ":")}, {"sort_keys": True}])
def test_the_layout_of_the_json_may_change(artifact: Artifact, dump: dict[str, Any]) -> None:
    path = manifest.path_of(artifact.path)
    document = json.loads(
        path.read_text(), parse_float=lambda text: int(text[:-2]) if text[-2:] == ".0" else float(text)
    )
    path.write_text(json.dumps(document, **dump))
    assert manifest.read(artifact.path) == artifact


def test_fields_of_a_later_release_are_ignored(artifact: Artifact) -> None:
    edit_manifest(artifact, remark="from a later release")
    assert manifest.read(artifact.path) == artifact


def test_a_target_of_a_later_release_is_refused(artifact: Artifact) -> None:
    edit_manifest(artifact, target="coreml")
    with pytest.raises(
        ManifestError, match=r"the target of the manifest is 'coreml', expected one of .*; upgrade"
    ):
        manifest.read(artifact.path)
