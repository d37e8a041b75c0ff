"""Fixtures of engines."""

from __future__ import annotations

import pytest

from posedeploy.types import Artifact, Model
from tests.support.engines import build_engine


@pytest.fixture(scope="session")
def plain(tiny: Model, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Return the tiny network as an engine; do not change its files."""
    return build_engine(tiny, tmp_path_factory.mktemp("plain"))
