from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from posedeploy import embedded_manifest, files, manifest
from posedeploy.errors import ArtifactError, ManifestError
from posedeploy.limits import MAX_MANIFEST_BYTES
from posedeploy.manifest_document import parse, seal
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
MADE = Provenance(
    "/a/b.pth", "f" * 64, "net.py:build", {"torch": "2.13.0"}, {"batch": "1"}, "2026-01-01T00:00:00+00:00"
)


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    """An IR of two files, with the manifest beside it."""
    (tmp_path / "net.xml").write_bytes(b"<net/>")
    (tmp_path / "net.bin").write_bytes(b"1234")
    hashes = {name: files.sha256(tmp_path / name) for name in ("net.xml", "net.bin")}
    artifact = Artifact(tmp_path / "net.xml", "openvino", SPEC, "fp32", hashes, MADE)
    manifest.write(artifact, tmp_path)
    return artifact


def _edit(artifact: Artifact, **fields: Any) -> None:
    path = manifest.path_of(artifact.path)
    path.write_bytes(seal({**json.loads(path.read_text()), **fields}))


def test_what_is_written_is_read_again(artifact: Artifact) -> None:
    assert manifest.read(artifact.path) == artifact


def test_the_manifest_lies_beside_the_file_as_versioned_json(artifact: Artifact) -> None:
    document = json.loads((artifact.path.parent / "net.xml.posedeploy.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.manifest", 2)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b"null"])
def test_damaged_json_is_refused(artifact: Artifact, content: bytes) -> None:
    manifest.path_of(artifact.path).write_bytes(content)
    with pytest.raises(
        ManifestError, match=r"net\.xml\.posedeploy\.json: the manifest is damaged \(.*\); export"
    ):
        manifest.read(artifact.path)


def test_a_manifest_of_many_megabytes_is_not_read(artifact: Artifact) -> None:
    with manifest.path_of(artifact.path).open("wb") as stream:
        stream.truncate(MAX_MANIFEST_BYTES + 1)
    with pytest.raises(ManifestError, match=r"8,388,609 bytes, and a manifest may have 8,388,608"):
        manifest.read(artifact.path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_manifest_that_an_editor_saved_otherwise_is_read(artifact: Artifact, encoding: str) -> None:
    path = manifest.path_of(artifact.path)
    path.write_bytes(path.read_text().replace("\n", "\r\n").encode(encoding))
    assert manifest.read(artifact.path) == artifact


@pytest.mark.parametrize(
    "fields", [{"spec": {}}, {"files": 3}, {"precision": None}, {"target": 1}, {"provenance": None}]
)
def test_a_manifest_with_a_field_of_another_kind_is_refused(
    artifact: Artifact, fields: dict[str, Any]
) -> None:
    _edit(artifact, **fields)
    with pytest.raises(ManifestError, match="the manifest is damaged"):
        manifest.read(artifact.path)


@pytest.mark.parametrize("field", ["std", "multiple", "height"])
def test_a_contract_that_would_divide_by_zero_is_refused(artifact: Artifact, field: str) -> None:
    document = json.loads(manifest.path_of(artifact.path).read_text())
    contract = document["spec"]["contract"]
    contract[field] = [1.0, 0.0, 1.0] if field == "std" else 0
    _edit(artifact, spec=document["spec"])
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
    _edit(artifact, spec=document["spec"] | fields)
    with pytest.raises(ManifestError, match=rf"damaged \({message}.*\); export the artifact"):
        manifest.read(artifact.path)


@pytest.mark.parametrize(("fields", "message"), IMPOSSIBLE_CONTRACTS)
def test_a_contract_that_no_export_writes_is_refused(
    artifact: Artifact, fields: dict[str, Any], message: str
) -> None:
    document = json.loads(manifest.path_of(artifact.path).read_text())
    document["spec"]["contract"] |= fields
    _edit(artifact, spec=document["spec"])
    with pytest.raises(ManifestError, match=rf"damaged \({message}.*\); export the artifact"):
        manifest.read(artifact.path)


def test_a_manifest_that_does_not_say_where_it_came_from_is_refused(artifact: Artifact) -> None:
    path = manifest.path_of(artifact.path)
    document = json.loads(path.read_text())
    del document["provenance"]
    path.write_bytes(seal(document))
    with pytest.raises(ManifestError, match=r"the manifest is damaged \(.*provenance"):
        manifest.read(artifact.path)


def test_other_json_is_refused(artifact: Artifact) -> None:
    manifest.path_of(artifact.path).write_text('{"name": "x"}')
    with pytest.raises(ManifestError, match="not a posedeploy manifest: its format is"):
        manifest.read(artifact.path)


def test_a_newer_version_is_refused_even_where_it_looks_otherwise(artifact: Artifact) -> None:
    _edit(artifact, version=3, files=["another", "shape"])
    with pytest.raises(
        ManifestError, match="the version of the manifest is 3, expected 2; upgrade posedeploy"
    ):
        manifest.read(artifact.path)


def test_an_older_version_is_refused_in_one_line(artifact: Artifact) -> None:
    path = manifest.path_of(artifact.path)
    document = {**json.loads(path.read_text()), "version": 1}
    del document["manifest_sha256"]
    path.write_text(json.dumps(document))
    with pytest.raises(
        ManifestError, match=r"the version of the manifest is 1, expected 2; export the artifact again$"
    ):
        manifest.read(artifact.path)


EVERY = pytest.mark.parametrize("step", [61, pytest.param(1, marks=pytest.mark.slow)])


@EVERY
def test_a_flipped_bit_of_a_manifest_is_noticed_or_changes_nothing(artifact: Artifact, step: int) -> None:
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
def test_a_manifest_that_was_edited_is_refused_with_what_to_do(
    artifact: Artifact, old: str, new: str
) -> None:
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
def test_a_manifest_may_be_laid_out_otherwise(artifact: Artifact, dump: dict[str, Any]) -> None:
    path = manifest.path_of(artifact.path)
    document = json.loads(
        path.read_text(), parse_float=lambda text: int(text[:-2]) if text[-2:] == ".0" else float(text)
    )
    path.write_text(json.dumps(document, **dump))
    assert manifest.read(artifact.path) == artifact


def test_fields_that_a_later_release_adds_are_passed_over(artifact: Artifact) -> None:
    _edit(artifact, remark="from a later release")
    assert manifest.read(artifact.path) == artifact


def test_the_manifest_of_another_file_is_refused(artifact: Artifact) -> None:
    other = artifact.path.with_name("other.xml")
    other.write_bytes(b"another network")
    manifest.path_of(artifact.path).rename(manifest.path_of(other))
    with pytest.raises(
        ManifestError, match=r"it belongs to net\.xml, net\.bin, not to other\.xml, whose SHA"
    ):
        manifest.read(other)


def _rename(folder: Path, **names: str) -> Path:
    """Rename files of ``net``; their suffixes have ``_`` for ``.``."""
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
    assert manifest.has_one(path) and manifest.locate(path) == manifest_name


def test_an_artifact_may_be_moved(artifact: Artifact, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    for path in list(tmp_path.glob("net.*")):
        path.rename(tmp_path / "elsewhere" / path.name)
    path = tmp_path / "elsewhere" / "net.xml"
    assert manifest.read(path) == replace(artifact, path=path)


def test_weights_that_kept_their_name_are_named_with_the_one_that_is_needed(artifact: Artifact) -> None:
    path = _rename(artifact.path.parent, xml="b.xml")
    with pytest.raises(
        ManifestError,
        match=r"b\.bin: missing: the model file was renamed without it; rename .*net\.bin to b\.bin",
    ):
        manifest.read(path)
    artifact.path.with_name("net.bin").write_bytes(b"others")
    with pytest.raises(
        ManifestError, match=r"net\.xml\.posedeploy\.json: the file b\.bin that it names is missing"
    ):
        manifest.read(path)


def test_the_manifest_that_has_the_hash_goes_before_a_stale_one_of_the_name(artifact: Artifact) -> None:
    folder = artifact.path.parent
    manifest.path_of(artifact.path).rename(folder / "kept.posedeploy.json")
    (folder / "net.xml.posedeploy.json").write_text(
        (folder / "kept.posedeploy.json").read_text().replace(artifact.files["net.xml"], "0" * 64)
    )
    assert manifest.locate(artifact.path) == "kept.posedeploy.json"
    assert manifest.read(artifact.path) == artifact


def test_a_new_file_beside_a_stale_manifest_is_refused_unless_it_is_described(artifact: Artifact) -> None:
    artifact.path.write_bytes(b"by others")
    assert not manifest.has_one(artifact.path)
    with pytest.raises(
        ManifestError,
        match=r"but net\.xml\.posedeploy\.json records .* the file was changed .* `contract` or `f",
    ):
        manifest.find(artifact.path)


def test_a_file_that_no_manifest_claims_names_the_nearest(artifact: Artifact) -> None:
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


def test_what_a_copy_replaces_leaves_the_files_of_the_original(engine: Artifact, tmp_path: Path) -> None:
    copy = tmp_path / "copy.engine"
    copy.write_bytes(engine.path.read_bytes())
    assert manifest.outdated(copy) == []


@pytest.mark.parametrize("fields", [{"quantization": {"scale": 0.0, "zero_point": 0}}, {"stride": 0}])
def test_tensors_that_would_divide_by_zero_are_refused(artifact: Artifact, fields: dict[str, Any]) -> None:
    document = json.loads(manifest.path_of(artifact.path).read_text())
    document["spec"]["outputs"][0] |= fields
    _edit(artifact, spec=document["spec"])
    with pytest.raises(ManifestError, match=r"damaged \(the scale .* or the stride .* of maps\); export"):
        manifest.read(artifact.path)


@pytest.mark.parametrize("name", ["net.xml", "net.bin"])
def test_a_file_that_was_changed_is_refused(artifact: Artifact, name: str) -> None:
    artifact.path.with_name(name).write_bytes(b"changed")
    with pytest.raises(
        ManifestError, match=rf"{name}: its SHA-256 is .* records .* the file was changed after"
    ):
        manifest.read(artifact.path)


def test_weights_that_are_gone_are_missed(artifact: Artifact) -> None:
    artifact.path.with_name("net.bin").unlink()
    with pytest.raises(
        ManifestError, match=r"the file net\.bin that it names is missing; export the artifact again"
    ):
        manifest.read(artifact.path)


FOREIGN = [
    "../secret", "/etc/passwd", "a/b", "", ".", "..", "photo.jpg", "net.BIN", "NET.bin", "net.bin ",
    "net.bin/", "./net.bin", "net\0.bin", "other.bin", "net.xml.posedeploy.json", "nét.bin",
    "net.engine.onnx",
]  # fmt: skip


@pytest.mark.parametrize("field", ["files", "sidecars"])
@pytest.mark.parametrize("name", FOREIGN)
def test_a_manifest_that_names_other_files_than_an_export_writes_is_refused(
    artifact: Artifact, name: str, field: str
) -> None:
    named = artifact.files if field == "files" else {}
    _edit(artifact, **{field: {**named, name: "0" * 64}})
    with pytest.raises(
        ManifestError,
        match=r"names 'net\.xml', 'net\.bin', .*; expected the files of an export to openvino, net\.xml",
    ):
        manifest.read(artifact.path)
    assert manifest.outdated(artifact.path) == []


@pytest.mark.parametrize("stem", ["../net", "/net", "a/net", "", "net\0"])
def test_a_manifest_of_files_elsewhere_is_refused(artifact: Artifact, stem: str) -> None:
    _edit(artifact, files={f"{stem}.xml": "0" * 64, f"{stem}.bin": "0" * 64})
    with pytest.raises(
        ManifestError, match=r"expected the files of an export to openvino, NAME\.xml, NAME\.bin; export"
    ):
        manifest.read_recorded(artifact.path)


def test_a_manifest_that_leaves_a_file_out_is_refused(artifact: Artifact) -> None:
    _edit(artifact, files={"net.xml": artifact.files["net.xml"]})
    with pytest.raises(
        ManifestError, match=r"names 'net\.xml'; expected the files of an export to openvino, net\.xml, n"
    ):
        manifest.read(artifact.path)


def test_a_target_of_a_later_release_is_refused(artifact: Artifact) -> None:
    _edit(artifact, target="coreml")
    with pytest.raises(
        ManifestError, match=r"the target of the manifest is 'coreml', expected one of .*; upgrade"
    ):
        manifest.read(artifact.path)


def test_a_missing_manifest_is_missed_with_what_to_do(artifact: Artifact) -> None:
    manifest.path_of(artifact.path).unlink()
    with pytest.raises(
        ManifestError, match=r"it has no manifest net\.xml\.posedeploy\.json; export it again, or"
    ):
        manifest.read(artifact.path)


def test_a_missing_artifact_is_missed(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such file"):
        manifest.read(tmp_path / "net.xml")


def test_a_folder_is_not_an_artifact(tmp_path: Path) -> None:
    (tmp_path / "net.xml").mkdir()
    with pytest.raises(ArtifactError, match="is a folder, not a model file"):
        manifest.read(tmp_path / "net.xml")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="wants a file that no one can read: Linux")
@pytest.mark.parametrize(
    ("name", "kind"), [("net.bin", ArtifactError), ("net.xml.posedeploy.json", ManifestError)]
)
def test_a_file_that_cannot_be_read_is_refused(artifact: Artifact, name: str, kind: type[Exception]) -> None:
    path = artifact.path.with_name(name)
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with pytest.raises(kind, match=rf"{name}: cannot be read \(Input/output error\)"):
        manifest.read(artifact.path)


@pytest.fixture
def lone(tmp_path: Path) -> Artifact:
    """A TFLite file with its manifest inside and none beside it."""
    (tmp_path / "net.tflite").write_bytes(b"flatbuffer" * 50)
    hashes = {"net.tflite": files.sha256(tmp_path / "net.tflite")}
    artifact = Artifact(tmp_path / "net.tflite", "tflite", SPEC, "fp32", hashes, MADE, {"layout": "nhwc"})
    return manifest.write_inside(artifact, tmp_path)


def test_a_lone_file_is_read_by_the_manifest_inside(lone: Artifact) -> None:
    assert manifest.has_one(lone.path) and manifest.locate(lone.path) == "inside the file"
    assert manifest.read(lone.path) == lone
    assert lone.files == {"net.tflite": files.sha256(lone.path)}


def test_a_lone_file_may_be_renamed(lone: Artifact) -> None:
    renamed = lone.path.rename(lone.path.with_name("pose.tflite"))
    assert manifest.read(renamed).files == {"pose.tflite": files.sha256(renamed)}


def test_the_manifest_beside_a_file_goes_before_the_one_inside(lone: Artifact) -> None:
    manifest.write(lone, lone.path.parent)
    assert manifest.has_one(lone.path) and manifest.locate(lone.path) == "net.tflite.posedeploy.json"
    assert manifest.read(lone.path) == lone
    _edit(lone, precision="fp16")
    assert manifest.read(lone.path).precision == "fp16"


def test_a_lone_file_whose_model_was_changed_is_refused(lone: Artifact) -> None:
    lone.path.write_bytes(lone.path.read_bytes().replace(b"flatbuffer", b"fletbuffer", 1))
    with pytest.raises(ManifestError, match=r"SHA-256 of the model in it is .* records another: .* export"):
        manifest.read(lone.path)


@EVERY
def test_a_flipped_bit_inside_a_file_is_noticed(lone: Artifact, step: int) -> None:
    content = bytearray(lone.path.read_bytes())
    start = content.index(b"PK\3\4") - 4  # and the end of the model
    for bit in range(8 * start, 8 * len(content), step):
        content[bit // 8] ^= 1 << bit % 8
        lone.path.write_bytes(content)
        with pytest.raises(
            ManifestError, match=r"net\.tflite: (the manifest inside is damaged|the SHA-256 of)"
        ):
            manifest.find(lone.path)
        content[bit // 8] ^= 1 << bit % 8


@EVERY
def test_a_file_cut_off_inside_its_manifest_is_noticed(lone: Artifact, step: int) -> None:
    content = lone.path.read_bytes()
    for size in range(
        content.index(embedded_manifest.NAME.encode()) + len(embedded_manifest.NAME), len(content), step
    ):
        lone.path.write_bytes(content[:size])
        with pytest.raises(
            ManifestError, match=r"the manifest inside is damaged \(its bytes were changed, cut"
        ):
            manifest.has_one(lone.path)


@pytest.mark.parametrize("more", [b"\0", b"PK\5\6" + bytes(18)])
def test_bytes_behind_the_manifest_inside_a_file_are_noticed(lone: Artifact, more: bytes) -> None:
    lone.path.write_bytes(lone.path.read_bytes() + more)
    with pytest.raises(ManifestError, match=r"its bytes were changed, cut off or added to\); export the art"):
        manifest.find(lone.path)


def test_an_edited_manifest_inside_a_file_is_refused(lone: Artifact) -> None:
    """As by someone who knows ZIP, and not this format."""
    inside = embedded_manifest.read(lone.path)
    assert inside is not None
    lone.path.write_bytes(lone.path.read_bytes()[: inside.model_size])
    embedded_manifest.append(lone.path, inside.content.replace(b'"nhwc"', b'"nchw"', 1))
    with pytest.raises(
        ManifestError, match=r"net\.tflite: the manifest was damaged or edited: .*; export the"
    ):
        manifest.read(lone.path)


@pytest.fixture
def engine(tmp_path: Path) -> Artifact:
    """An engine with both sidecar files."""
    names = ("net.engine", "net.engine.onnx", "net-trt.pth")
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    first, *others = ({name: files.sha256(tmp_path / name)} for name in names)
    beside = {name: digest for each in others for name, digest in each.items()}
    made = Artifact(tmp_path / "net.engine", "tensorrt", SPEC, "fp32", first, MADE, {}, beside)
    manifest.write(made, tmp_path)
    return made


def test_the_sidecar_files_of_an_engine_are_outdated_with_it(engine: Artifact) -> None:
    assert manifest.outdated(engine.path) == ["net.engine.onnx", "net-trt.pth"]
    manifest.path_of(engine.path).write_text("{")
    assert manifest.outdated(engine.path) == []


@pytest.mark.parametrize("become", ["changed", "gone", "folder", "link", "link to a folder"])
def test_sidecar_files_that_are_no_longer_ours_stay(engine: Artifact, tmp_path: Path, become: str) -> None:
    path = tmp_path / "net-trt.pth"
    theirs = path.rename(tmp_path / "photo.jpg")
    if become == "changed":
        path.write_bytes(b"theirs")
    elif become == "folder":
        path.mkdir()
    elif become != "gone":
        path.symlink_to(tmp_path if "folder" in become else theirs)
    assert manifest.outdated(engine.path) == ["net.engine.onnx"]


@pytest.mark.parametrize(
    "name",
    ["../photo.jpg", "photo.jpg", "NET-trt.pth", "net-trt.PTH", "net-trt.pth/", "other-trt.pth", "net.xml"],
)
def test_no_other_file_is_removed_whatever_a_manifest_names(
    engine: Artifact, tmp_path: Path, name: str
) -> None:
    kept = engine.path.parent / name.rstrip("/")
    kept.write_bytes(b"theirs")
    _edit(engine, sidecars={**engine.sidecars, name: files.sha256(kept)})
    assert manifest.outdated(engine.path) == []
    with pytest.raises(
        ManifestError,
        match=r"expected the files of an export to tensorrt, net\.engine, net\.engine\.onnx, net-",
    ):
        manifest.find(engine.path)
    kept.unlink()


def test_names_of_another_unicode_form_are_others(tmp_path: Path) -> None:
    composed, decomposed = "\u00e9.engine", "e\u0301-trt.pth"
    (tmp_path / composed).write_bytes(b"engine")
    (tmp_path / decomposed).write_bytes(b"theirs")
    hashes = {name: files.sha256(tmp_path / name) for name in (composed, decomposed)}
    beside = {decomposed: hashes.pop(decomposed)}
    made = Artifact(tmp_path / composed, "tensorrt", SPEC, "fp32", hashes, MADE, {}, beside)
    manifest.write(made, tmp_path)
    assert manifest.outdated(made.path) == []
    with pytest.raises(ManifestError, match="expected the files of an export to tensorrt, \u00e9"):
        manifest.read(made.path)
