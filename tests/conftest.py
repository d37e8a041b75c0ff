"""Fixtures that all tests share: folders of reference cases, and small networks."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from posedeploy.types import Artifact, Model

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads would slow down the other test workers
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a script, and in child processes
    signal.signal(signal.SIGINT, signal.default_int_handler)

CACHE = tempfile.TemporaryDirectory(prefix="posedeploy-tests-")  # replaces the user's cache
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
    """The folder of small reference cases in the repository."""
    return ROOT / "tests" / "data"


@pytest.fixture(scope="session")
def tiny() -> Model:
    """A pose network of a few kilobytes. Tests must not change it."""
    from tests.support.networks import tiny_model

    return tiny_model()


@pytest.fixture(scope="session")
def exported(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The tiny network exported to each target that runs on a CPU, by target, at its default size. Tests must
    not change the files."""
    from posedeploy.convert.export import export
    from tests.support.tables import ON_CPU

    folder = tmp_path_factory.mktemp("exported")
    return {artifact.target: artifact for artifact in export(tiny, ON_CPU, folder, "tiny")}


@pytest.fixture
def small() -> None:
    """Skip a test of a small network if the published network is tested."""
    if _path(*REFERENCE).is_dir():
        pytest.skip("the published networks are tested")


def _path(variable: str, name: str) -> Path:
    return Path(os.environ.get(variable, ROOT.parent / "shared" / name))


def _folder(variable: str, name: str) -> Path:
    folder = _path(variable, name)
    if not folder.is_dir():
        pytest.skip(f"{folder} does not exist; set {variable} to the folder of {name} cases")
    return folder
