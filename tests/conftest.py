"""Where the tests find cases made by the published networks."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from posedeploy.types import Artifact, Model

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # torch's threads and those of other workers spin in each other's way

CACHE = tempfile.TemporaryDirectory(prefix="posedeploy-tests-")  # in the place of the user's; goes at exit
os.environ["POSEDEPLOY_CACHE"] = CACHE.name

ROOT = Path(__file__).resolve().parents[1]


REFERENCE = "POSEDEPLOY_REFERENCE", "reference"


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of all reference cases: POSEDEPLOY_REFERENCE, or ``reference`` in ``../shared``."""
    return _folder(*REFERENCE)


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of trained weights and photographs: POSEDEPLOY_REAL, or ``real`` in ``../shared``."""
    return _folder("POSEDEPLOY_REAL", "real")


@pytest.fixture(scope="session")
def data() -> Path:
    """The small copies of reference cases that travel with the repository."""
    return ROOT / "tests" / "data"


@pytest.fixture(scope="session")
def tiny() -> Model:
    """A pose network of a few kilobytes; do not change it."""
    from tests.support.networks import tiny_model

    return tiny_model()


@pytest.fixture(scope="session")
def exported(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The tiny network as every target that runs on a CPU, by the target's name, at its published size; do
    not change the files."""
    from posedeploy.convert.export import export
    from tests.support.tables import ON_CPU

    folder = tmp_path_factory.mktemp("exported")
    return {artifact.target: artifact for artifact in export(tiny, ON_CPU, folder, "tiny")}


@pytest.fixture
def small() -> None:
    """Of a test of small networks in the place of the published: skipped where those are tested."""
    if _place(*REFERENCE).is_dir():
        pytest.skip("the published networks are tested")


def _place(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable, ROOT.parent / "shared" / name))


def _folder(variable: str, name: str) -> Path:
    folder = _place(variable, name)
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here; set {variable} to the folder of {name} cases")
    return folder
