"""parity --certificate and --junit, and verify."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from posedeploy.api.certificate.document import digest_of
from posedeploy.manifest_document import seal
from tests.commands.conftest import Invoke, words
from tests.predict.conftest import write_image
from tests.support.shared_folders import shared_folder

NETWORK = ("--network", "net.py:build")
ODD = "día <script>1.jpg"


@pytest.fixture(scope="session")
def certified(own: Path, done: Invoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint, its ONNX file, an image and ``c.json``; do not change it."""

    def compare(folder: Path) -> None:
        shutil.copy(own / "human.pth", folder / "human.pth")
        shutil.copy(own / "crowd_net.py", folder / "net.py")
        (folder / "photos").mkdir()
        noise = torch.randint(0, 255, (256, 456, 3), dtype=torch.uint8).numpy()
        write_image(folder / "photos" / ODD, noise)
        before = Path.cwd()
        os.chdir(folder)
        try:
            done("export", "human.pth", "--to", "onnx", "-o", "out", *NETWORK)
            models = ("parity", "out/human.onnx", "--images", "photos", *NETWORK)
            done(*models, "--certificate", "c.json", "--junit", "j.xml")
        finally:
            os.chdir(before)

    return shared_folder(tmp_path_factory, "a certificate", compare)


@pytest.fixture
def copied(certified: Path, tmp_path: Path) -> Path:
    """A copy of it in the current folder, whose manifest has a path of the checkpoint that does not exist."""
    shutil.copytree(certified, tmp_path, dirs_exist_ok=True)
    manifest = tmp_path / "out" / "human.onnx.posedeploy.json"
    document = json.loads(manifest.read_text())
    document["provenance"]["checkpoint"] = str(tmp_path / "old" / "human.pth")
    manifest.write_bytes(seal(document))
    return tmp_path


def test_a_certificate_records_files_versions_arguments_and_numbers(certified: Path) -> None:
    document = json.loads((certified / "c.json").read_text())
    assert (document["format"], document["version"], document["passed"]) == (
        "posedeploy.certificate",
        1,
        True,
    )
    assert document["verdict"] == "human.onnx is within tolerance of PyTorch in fp32"
    assert [(each["role"], each["path"]) for each in document["files"]] == [
        ("artifact", "out/human.onnx"),
        ("checkpoint", "human.pth"),
        ("network", "net.py"),
        ("image", f"photos/{ODD}"),
    ]
    assert document["arguments"]["network"] == "net.py:build"
    assert {"torch", "onnxruntime", "numpy"} <= set(document["packages"])
    assert document["parity"]["results"][0]["reference"]["runtime_info"]["runtime"] == "pytorch"
    assert sum(document["histograms"][0]["px"]["counts"]) > 0


def test_the_page_shows_the_verdict_both_skeletons_and_escaped_names(certified: Path) -> None:
    page = (certified / "c.html").read_text(encoding="utf-8")
    assert "<strong>Passed.</strong> human.onnx is within tolerance" in page
    assert 'class="bones reference-bone"' in page and 'class="bones candidate-bone"' in page
    assert "día &lt;script&gt;1.jpg" in page and "<script" not in page
    assert "data:image/jpeg;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    assert re.search(r"<td>Preprocessing</td><td><span [^>]*>same</span>", page)
    assert '<th class="number">Tolerance</th>' in page


def test_the_verdicts_are_written_as_junit(certified: Path) -> None:
    (suite,) = ElementTree.parse(certified / "j.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "0")
    assert [case.get("name") for case in suite] == ["out/human.onnx"]
    properties = {each.get("name"): each.get("value") for each in suite.iter("property")}
    expected = {"reference": "PyTorch", "preprocessing": "same", "decoding": "same"}
    assert properties.items() >= expected.items()
    assert properties["network"] in ("same", "within limits") and "cause" not in properties


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("out/missing.onnx",), "out/missing.onnx"),
        (("out/human.onnx", *NETWORK, "--images", "missing.png"), "missing.png: no such file"),
        (("out/human.onnx",), "repeat that argument"),
    ],
)
def test_an_artifact_that_does_not_run_is_an_error_in_junit(
    copied: Path, refused: Callable[..., str], arguments: tuple[str, ...], message: str
) -> None:
    refused("parity", *arguments, "--junit", "j.xml")
    (suite,) = ElementTree.parse("j.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "1")
    (case,) = suite
    error = case.find("error")
    assert case.get("name") == arguments[0] and error is not None
    assert message in str(error.get("message"))


@pytest.mark.slow
def test_a_certificate_and_its_results_are_written_again(copied: Path, done: Invoke) -> None:
    models = ("parity", "out/human.onnx", "--images", "photos", *NETWORK)
    done(*models, "--certificate", "c.json", "--junit", "j.xml", "--no-pictures")
    page = Path("c.html").read_text(encoding="utf-8")
    assert "data:image/jpeg" not in page and 'class="bones reference-bone"' in page


def test_a_moved_certificate_is_verified_with_equal_numbers(copied: Path, done: Invoke) -> None:
    os.chdir(copied.parent)
    name = copied.name
    result = done("verify", f"{name}/c.json", "--network", f"{name}/net.py:build", "--json", f"{name}/v.json")
    assert "the certificate holds" in result.stdout
    assert "files: the hashes of 4 files were compared" in words(result.stdout)
    assert ", 0 values changed" in words(result.stdout)
    document = json.loads((copied / "v.json").read_text())
    assert (document["passed"], document["largest_change_percent"]) == (True, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["moved", "in another folder"])
def test_a_checkpoint_far_from_its_artifact_is_found(copied: Path, done: Invoke, where: str) -> None:
    """Neither in the artifact's folder nor in one next to it, and not where the manifest has it."""
    folder = copied / ("weights/v1" if where == "moved" else "elsewhere")
    folder.mkdir(parents=True)
    (copied / "human.pth").rename(folder / "human.pth")
    content = json.loads((copied / "c.json").read_text())
    (checkpoint,) = (each for each in content["files"] if each["role"] == "checkpoint")
    checkpoint["path"] = "weights/v1/human.pth"
    rewrite(copied, lambda document: document.update(files=content["files"]))
    result = done("verify", "c.json", *NETWORK, *(("--folder", folder) if where != "moved" else ()))
    assert "the certificate holds" in result.stdout


def test_each_missing_file_is_reported(copied: Path, invoke: Invoke) -> None:
    for name in ("human.pth", "photos", "out/human.onnx"):
        (copied / name).rename(copied.parent / f"moved-{Path(name).name}")
    (copied / "net.py").write_text("")
    errors = words(invoke("verify", "c.json", *NETWORK).stderr)
    assert "human.pth: the checkpoint of the certificate does not exist; pass --checkpoint" in errors
    assert "photos: the images of the certificate do not exist; pass the image or the folder" in errors
    assert "out/human.onnx: the artifact of the certificate does not exist; pass --folder" in errors
    assert "net.py: changed: its SHA-256 is" in errors


def swap_artifact(folder: Path) -> None:
    with (folder / "out" / "human.onnx").open("ab") as stream:
        stream.write(b"\0")


def swap_image(folder: Path) -> None:
    (folder / "photos" / ODD).write_bytes(b"other")


def add_image(folder: Path) -> None:
    shutil.copy(folder / "photos" / ODD, folder / "photos" / "new.jpg")


def remove_image(folder: Path) -> None:
    (folder / "photos" / ODD).rename(folder / "photos" / "new.jpg")


def change_network(folder: Path) -> None:
    with (folder / "net.py").open("a") as stream:
        stream.write("\n# edited\n")


def add_toml(folder: Path) -> None:
    (folder / "net.toml").write_text("")


def swap_checkpoint(folder: Path) -> None:
    (folder / "human.pth").write_bytes(b"other")


def remove_artifact(folder: Path) -> None:
    (folder / "out" / "human.onnx").rename(folder / "human.bin")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (swap_artifact, "out/human.onnx: changed: its SHA-256 is"),
        (remove_artifact, "out/human.onnx: the artifact of the certificate does not exist; pass --folder"),
        (swap_image, "1.jpg: changed: its SHA-256 is"),
        (add_image, "photos: 1 images are not in the certificate: new.jpg"),
        (remove_image, "photos: 1 of 1 recorded images missing: día <script>1.jpg"),
        (change_network, "net.py: changed: its SHA-256 is"),
        (add_toml, "net.toml: not in the certificate: your own network had no TOML file; move it"),
        (swap_checkpoint, "human.pth: changed: its SHA-256 is"),
    ],
)
def test_a_file_that_differs_is_named_and_nothing_is_run(
    copied: Path, invoke: Invoke, change: Callable[[Path], None], message: str
) -> None:
    change(copied)
    result = invoke("verify", "c.json", *NETWORK)
    assert result.exit_code == 1
    assert message in words(result.stderr)
    assert "the comparison was not repeated" in words(result.stdout)
    assert "the certificate does not hold" in result.stdout


def rewrite(folder: Path, edit: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    content = json.loads((folder / "c.json").read_text())
    edit(content)
    (folder / "c.json").write_text(json.dumps({**content, "sha256": digest_of(content)}))


@pytest.mark.slow
def test_other_numbers_and_versions_are_told_apart(copied: Path, invoke: Invoke) -> None:
    def edit(content: dict) -> None:  # type: ignore[type-arg]
        content["packages"]["onnxruntime"] = "0.1"
        content["parity"]["results"][0]["outputs"][0]["max_relative"] += 5e-5

    rewrite(copied, edit)
    result = invoke("verify", "c.json", *NETWORK)
    assert result.exit_code == 1
    assert "package differs, which is allowed: onnxruntime: 0.1 then" in words(result.stderr)
    assert "a change of 50% of its limit, and at most 10% passes" in words(result.stderr)
    assert invoke("verify", "c.json", *NETWORK, "--max-change", "60").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("c.json",), "repeat --network net.py:build, because it executes the file"),
        (("missing.json", *NETWORK), "missing.json: no such file"),
        (("out", *NETWORK), "out: a folder"),
        (("out/human.onnx.posedeploy.json", *NETWORK), "not a certificate: its format is"),
        (
            ("c.json", *NETWORK, "--contract", "a.toml"),
            "a.toml: the certificate has no contract; leave it out",
        ),
        (("c.json", *NETWORK, "--max-change", "-1"), "--max-change -1: expected a percentage of at least 0"),
        (
            ("c.json", "--network", "./net.py:other"),
            "--network ./net.py:other: the certificate is of net.py:build; pass --network net.py:build",
        ),
    ],
)
def test_a_certificate_that_cannot_be_checked_is_refused(
    copied: Path, refused: Callable[..., str], arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused("verify", *arguments)


def test_images_that_a_certificate_does_not_have_are_refused(
    copied: Path, refused: Callable[..., str]
) -> None:
    rewrite(copied, lambda content: content["arguments"].update(images=None))
    line = refused("verify", "c.json", *NETWORK, "--images", "photos")
    assert "--images photos: the certificate has no images; leave it out" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--certificate", "out"), "--certificate out: a folder; pass a file, such as out/certificate.json"),
        (("--certificate", "c.txt"), "--certificate c.txt: the name does not end in .json; pass a file"),
        (
            ("--certificate", "out/human.onnx.posedeploy.json"),
            "out/human.onnx.posedeploy.json: exists and is not a certificate; pass another file",
        ),
        (("--junit", "out"), "--junit out: a folder; pass a file"),
        (("--junit", "net.py"), "--junit net.py: exists and is not JUnit XML; pass another file"),
        (
            ("--no-pictures",),
            "--no-pictures: only valid with --certificate; also pass --certificate FILE.json",
        ),
        (("--certificate", "n.json", "--json", "n.json"), "n.json: two output files have this path"),
        (("--certificate", "n.json", "--junit", "n.html"), "n.html: two output files have this path"),
        (
            ("--save-reference", "out/../n.json", "--json", "n.json"),
            "n.json: two output files have this path",
        ),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_comparison(
    copied: Path, refused: Callable[..., str], arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused("parity", "out/human.onnx", *NETWORK, *arguments)
