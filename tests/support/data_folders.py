"""The folders of data that is not part of the repository, for tests and tools."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared"


@dataclass(frozen=True)
class DataFolder:
    """The folder that an environment variable names, or ``name`` in the folder next to the repository."""

    variable: str
    name: str
    content: str

    @property
    def path(self) -> Path:
        """The folder, which may not exist."""
        return Path(os.environ.get(self.variable, SHARED / self.name))

    def describe_missing(self, path: Path) -> str:
        """Return that a file or folder is missing, and what to do."""
        return f"{path} does not exist; set {self.variable} to a folder of {self.content}"


REFERENCE = DataFolder("POSEDEPLOY_REFERENCE", "reference", "cases made by the reference implementations")
REAL = DataFolder("POSEDEPLOY_REAL", "real", "trained checkpoints and photographs")
