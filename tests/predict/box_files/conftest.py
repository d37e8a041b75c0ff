"""An image in the folder of the box files."""

from __future__ import annotations

from pathlib import Path

import pytest

from posedeploy.types import Array
from tests.predict.conftest import write_image


@pytest.fixture
def image(tmp_path: Path, photo: Array) -> Path:
    """A photograph, ``a.png``, in the folder of the boxes."""
    return write_image(tmp_path / "a.png", photo)
