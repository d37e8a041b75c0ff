"""Which manifest belongs to a model file that was renamed, moved, copied or replaced."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from posedeploy import files, manifest
from posedeploy.errors import ManifestError
from posedeploy.manifest_document import seal
from posedeploy.types import Artifact
from tests.support.manifests import PROVENANCE, SPEC


def test_the_manifest_of_another_file_is_refused(artifact: Artifact) -> None:
    other = artifact.path.with_name("other.xml")
    other.write_bytes(b"another network")
    manifest.path_of(artifact.path).rename(manifest.path_of(other))
    with pytest.raises(
        ManifestError, match=r"it is the manifest of net\.xml, net\.bin, not of other\.xml, and no"
    ):
        manifest.read(other)


def _rename(folder: Path, **names: str) -> Path:
    """Rename files of ``net``, given by their suffixes with ``_`` instead of ``.``."""
    for suffix, name in names.items():
        (folder / f"net.{suffix.replace('_', '.')}").rename(folder / name)
    return folder / names["xml"]


@pytest.mark.parametrize(
    "manifest_name",
    [
        "net.xml.posedeploy.json",
        "b é.xml.posedeploy.json",
        "x.posedeploy.json",
        "net.xml.posedeploy (1).json",
    ],
)
def test_an_artifact_may_be_renamed(artifact: Artifact, manifest_name: str) -> None:
    path = _rename(artifact.path.parent, xml="b é.xml", bin="b é.bin", xml_posedeploy_json=manifest_name)
    found = manifest.read(path)
    assert found.files == {"b é.xml": artifact.files["net.xml"], "b é.bin": artifact.files["net.bin"]}
    assert found == replace(artifact, path=path, files=found.files)
    assert manifest.read_recorded(path) == found
    assert manifest.has_manifest(path) and manifest.locate(path) == manifest_name


def test_an_artifact_may_be_moved(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for path in list(tmp_path.glob("net.*")):
        path.rename(tmp_path / "elsewhere" / path.name)
    path = tmp_path / "elsewhere" / "net.xml"
    assert manifest.read(path) == replace(artifact, path=path)


def test_the_error_for_weights_with_the_former_name_has_both_names(artifact: Artifact) -> None:
    path = _rename(artifact.path.parent, xml="b.xml")
    with pytest.raises(
        ManifestError,
        match=r"b\.bin: missing: the model file was renamed without it; rename .*net\.bin to b\.bin",
    ):
        manifest.read(path)
    artifact.path.with_name("net.bin").write_bytes(b"others")
    with pytest.raises(ManifestError, match=r"net\.xml\.posedeploy\.json: it lists b\.bin, which is missing"):
        manifest.read(path)


def test_the_hash_decides_between_manifests(artifact: Artifact) -> None:
    folder = artifact.path.parent
    manifest.path_of(artifact.path).rename(folder / "kept.posedeploy.json")
    (folder / "net.xml.posedeploy.json").write_text(
        (folder / "kept.posedeploy.json").read_text().replace(artifact.files["net.xml"], "0" * 64)
    )
    assert manifest.locate(artifact.path) == "kept.posedeploy.json"
    assert manifest.read(artifact.path) == artifact


def test_a_new_file_with_a_stale_manifest_is_refused(artifact: Artifact) -> None:
    artifact.path.write_bytes(b"by others")
    assert not manifest.has_manifest(artifact.path)
    with pytest.raises(
        ManifestError,
        match=r"but net\.xml\.posedeploy\.json records .* the file was changed .* `contract` or `f",
    ):
        manifest.find(artifact.path)


def test_the_closest_manifest_is_described(artifact: Artifact) -> None:
    path = _rename(artifact.path.parent, xml="net2.xml", bin="net2.bin")
    path.write_bytes(b"changed")
    (path.parent / "notes.posedeploy.json").write_text("no manifest")
    assert manifest.find(path) is None and manifest.locate(path) == ""
    assert (
        "net2.xml: no manifest in the folder records its SHA-256, "
        in (sentence := manifest.describe_nearest(path))
        and f"net.xml.posedeploy.json, which records {artifact.files['net.xml'][:12]}..." in sentence
    )
    for number, stem in enumerate(("", "..", "a\0", "x" * 300)):
        other = json.loads((path.parent / "net.xml.posedeploy.json").read_text())
        other["files"] = {f"{stem}.xml": "0" * 64, f"{stem}.bin": "0" * 64}
        (path.parent / f"{number}.posedeploy.json").write_bytes(seal(other))
    assert "net.xml.posedeploy.json, which records" in manifest.describe_nearest(path)
    artifact.path.write_bytes(b"there again")
    for number in range(4):
        (path.parent / f"{number}.posedeploy.json").unlink()
    assert manifest.describe_nearest(path) == "", "that manifest has its file"
    for damaged in path.parent.glob("*.posedeploy.json"):
        damaged.write_text(damaged.read_text().replace("RGB", "BGR"))
    assert manifest.describe_nearest(path) == "", "that manifest is another file's"
    artifact.path.unlink()
    sentence = manifest.describe_nearest(path)
    assert "net2.xml: no manifest in the folder records its SHA-256, " in sentence
    assert "net.xml.posedeploy.json: the manifest was damaged or edited: " in sentence


def test_a_missing_manifest_is_an_error_with_a_hint(artifact: Artifact) -> None:
    manifest.path_of(artifact.path).unlink()
    with pytest.raises(
        ManifestError, match=r"it has no manifest net\.xml\.posedeploy\.json; export it again, or"
    ):
        manifest.read(artifact.path)


def test_unicode_forms_of_a_name_are_different_names(tmp_path: Path) -> None:
    composed, decomposed = "\u00e9.engine", "e\u0301-trt.pth"
    (tmp_path / composed).write_bytes(b"engine")
    (tmp_path / decomposed).write_bytes(b"theirs")
    hashes = {name: files.sha256(tmp_path / name) for name in (composed, decomposed)}
    beside = {decomposed: hashes.pop(decomposed)}
    artifact = Artifact(tmp_path / composed, "tensorrt", SPEC, "fp32", hashes, PROVENANCE, {}, beside)
    manifest.write(artifact, tmp_path)
    assert manifest.outdated(artifact.path) == []
    with pytest.raises(ManifestError, match="expected the files of an export to tensorrt, \u00e9"):
        manifest.read(artifact.path)
