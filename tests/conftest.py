"""Fixtures that all tests share: folders of reference cases, and small networks."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.data_folders import REAL, REFERENCE, DataFolder
from tests.support.operator_table import keep_operator_table

if TYPE_CHECKING:
    from posedeploy.types import Artifact, Model

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads would slow down the other test workers
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a script, and in child processes
    signal.signal(signal.SIGINT, signal.default_int_handler)

CACHE = tempfile.TemporaryDirectory(prefix="posedeploy-tests-")  # replaces the user's cache
os.environ["POSEDEPLOY_CACHE"] = CACHE.name

ROOT = Path(__file__).resolve().parents[1]


def pytest_runtest_setup() -> None:
    """Speed up the exports of each test but the first that exports."""
    keep_operator_table()


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder of all reference cases: POSEDEPLOY_REFERENCE, or ``reference`` in ``../shared``."""
    return _existing(REFERENCE)


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of trained weights and photographs: POSEDEPLOY_REAL, or ``real`` in ``../shared``."""
    return _existing(REAL)


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
    from posedeploy import manifest
    from posedeploy.convert.export import export
    from tests.support.shared_folders import shared_folder
    from tests.support.tables import ON_CPU

    folder = shared_folder(tmp_path_factory, "exported", lambda path: export(tiny, ON_CPU, path, "tiny"))
    artifacts = {name: manifest.read(folder / f"tiny{target.suffix}") for name, target in ON_CPU.items()}
    return {name: replace(artifact, states={}) for name, artifact in artifacts.items()}


@pytest.fixture(scope="session")
def engine(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The tiny network as an engine of TensorRT-RTX. Tests must not change its files."""
    from posedeploy import manifest
    from tests.support.engines import build_engine
    from tests.support.shared_folders import shared_folder

    folder = shared_folder(tmp_path_factory, "engine", lambda path: build_engine(tiny, path))
    return replace(manifest.read(folder / "tiny.engine"), states={})


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Let runtimes run on one thread by default in the workers of pytest-xdist. On a thread per core, the
    threads of all workers would wait for each other."""
    with pytest.MonkeyPatch.context() as patch:
        if "PYTEST_XDIST_WORKER" in os.environ:
            patch.setattr("posedeploy.runtimes.run_options.physical_cores", lambda: 1)
        yield


@pytest.fixture(scope="module")
def three_branches() -> Iterator[None]:
    """Let GTRS have three parallel blocks instead of six in a module, so that it is exported in half the
    time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("posedeploy.checkpoints.gtrs.BRANCHES", 3)
        yield


@pytest.fixture
def small() -> None:
    """Skip a test of a small network if the published network is tested."""
    if REFERENCE.path.is_dir():
        pytest.skip("the published networks are tested")


def _existing(folder: DataFolder) -> Path:
    if not folder.path.is_dir():
        pytest.skip(folder.describe_missing(folder.path))
    return folder.path
