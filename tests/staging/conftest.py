"""The folder that the tests of recovery start from."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an old set and a file of the user's."""
    for name in ("a", "b", "gone", "mine"):
        (tmp_path / name).write_text(f"old {name}")
    return tmp_path
