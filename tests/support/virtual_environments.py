"""Virtual environments with packages from the registry."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

UNREACHABLE = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|name resolution|is unreachable"
)
"""What pip writes when it cannot reach the registry."""


def create_environment(folder: Path, *arguments: str) -> Path:
    """Create an environment, install into it with pip's arguments and return the folder of its programs.

    The test is skipped if the registry cannot be reached.
    """
    venv.create(folder, with_pip=False)
    programs = folder / "bin"
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--quiet", "--no-compile"]
    result = subprocess.run([*pip, *arguments], capture_output=True, text=True, timeout=1200)
    if result.returncode and UNREACHABLE.search(result.stderr):
        pytest.skip(f"pip install {' '.join(arguments)}: the registry cannot be reached")
    assert result.returncode == 0, result.stderr
    return programs
