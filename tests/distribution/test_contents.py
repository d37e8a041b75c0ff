"""What the wheel and the sdist contain."""

from __future__ import annotations

import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import PurePosixPath

import pytest
from packaging.metadata import Metadata

from posedeploy import __version__
from tests.distribution.conftest import Distribution
from tests.docs.pages import ROOT

STEM = f"posedeploy-{__version__}"
DATA = {
    "posedeploy/py.typed",
    "posedeploy/checkpoints/sample.md",
    "posedeploy/checkpoints/sample.safetensors",
    "posedeploy/commands/probe.onnx",
    "posedeploy/environments/requirements/onnx2tf.txt",
    "posedeploy/pages/templates/page.css",
    *(
        f"posedeploy/pages/templates/{name}.html"
        for name in ("certificate", "charts", "page", "parts", "proof", "report")
    ),
}
"""The files of the package that are not Python, besides the presets."""
PRESETS = "posedeploy/presets/*.toml"
ADDED = {
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "LICENSE",
    "PKG-INFO",
    "README.md",
    "pyproject.toml",
}
"""What the sdist contains besides the package."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package() -> set[str]:
    """The files of the package that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "posedeploy"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


def test_the_wheel_contains_the_package_and_its_metadata(
    distribution: Distribution, package: set[str]
) -> None:
    with zipfile.ZipFile(distribution.wheel) as archive:
        names = set(archive.namelist())
    metadata = {f"{STEM}.dist-info/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")}
    assert names == package | metadata | {f"{STEM}.dist-info/licenses/LICENSE"}
    presets = {name for name in package if PurePosixPath(name).match(PRESETS)}
    assert presets
    assert {name for name in package - presets if PurePosixPath(name).suffix != ".py"} == DATA


def test_the_sdist_contains_the_package_and_what_describes_it(
    distribution: Distribution, package: set[str]
) -> None:
    with tarfile.open(distribution.sdist) as archive:
        names = {member.name for member in archive if member.isfile()}
    assert names == {f"{STEM}/{name}" for name in package | ADDED}


def test_the_metadata_is_valid_and_complete(distribution: Distribution) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with zipfile.ZipFile(distribution.wheel) as archive:
        metadata = Metadata.from_email(archive.read(f"{STEM}.dist-info/METADATA"), validate=True)
    assert (metadata.name, str(metadata.version)) == ("posedeploy", __version__)
    assert metadata.license_expression == "Apache-2.0" and metadata.license_files == ["LICENSE"]
    assert str(metadata.requires_python) == project["requires-python"]
    assert set(metadata.provides_extra or ()) == set(project["optional-dependencies"])
    assert metadata.description == (ROOT / "README.md").read_text(encoding="utf-8")
