"""The pytest plugin: ``pytest --posedeploy-artifacts out/*.xml`` adds one parity test for each artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest import ExceptionInfo

OPTION = "--posedeploy-artifacts"
KEYWORDS: dict[str, tuple[dict[str, Any], str]] = {
    "images": (
        {"action": "append"},
        "Also compare on this image or video, or on the images of this folder; repeatable.",
    ),
    "frames": ({"type": int}, "The number of frames to compare of each video."),
    "checkpoint": ({}, "Compare with this checkpoint instead of the one in the manifest."),
    "reference": ({}, "Compare with this reference file instead of PyTorch."),
    "against": ({}, "Compare with this artifact of the same network instead of PyTorch."),
    "against-contract": ({}, "A TOML file that describes the other artifact, if it has no manifest."),
    "network": ({}, "FILE.py:FUNCTION of your own network. The file is executed."),
    "contract": ({}, "A TOML file that names the keypoints of a network, or describes a third-party model."),
    "family": ({}, "The family of a model that does not identify it."),
    "mesh": ({}, "The triangles of the mesh that a network was trained on."),
    "weights": ({}, "The weights to use if the checkpoint holds several."),
    "runtime": ({}, "The runtime, if a target has several."),
    "device": ({}, "Run the artifacts on this device, such as cuda."),
    "precision": (
        {"choices": ("fp32", "tf32", "fp16", "bf16", "auto")},
        "Run the artifacts in this precision; the default is the one that each was exported for.",
    ),
    "threads": ({"type": int}, "CPU threads; the default is one per physical core."),
    "rtol": ({"type": float}, "Tolerance of each output, relative to its largest value."),
    "max-px": ({"type": float}, "Tolerance of keypoints in px at the 99th percentile."),
    "max-mm": ({"type": float}, "Tolerance of 3D joints and vertices in mm at the 99th percentile."),
    "budget": (
        {"action": "append"},
        "Limit the differences between poses, such as 1px, instead of using the tolerances; repeatable.",
    ),
}
"""Keyword arguments of ``posedeploy.compare`` with an option, with how pytest reads it and its help. Dashes
stand for underscores."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("posedeploy", "parity of exported pose networks with PyTorch")
    group.addoption(
        OPTION, nargs="+", default=[], metavar="FILE", help="Artifacts to test; quoted patterns work too."
    )
    for name, (kind, meaning) in KEYWORDS.items():
        group.addoption(f"--posedeploy-{name}", metavar=name.upper(), help=meaning, **kind)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add a test for each artifact, before ``-k`` and ``-m`` select among all."""
    for path in _expand(config.getoption(OPTION)):
        items.append(ParityItem.from_parent(session, name=f"parity[{path}]", artifact=path))


def _expand(patterns: list[str]) -> list[str]:
    """Return the artifacts; a pattern in a file's name is expanded."""
    paths: dict[str, None] = {}
    for path in map(Path, patterns):
        matches = [path] if path.exists() else sorted(path.parent.glob(path.name))
        if not matches or not all(each.is_file() for each in matches):
            reason = "a folder" if path.is_dir() else "no such file"
            raise pytest.UsageError(
                f"{OPTION} {path}: {reason}; expected artifacts; write the paths of tests before the option"
            )
        paths |= dict.fromkeys(map(str, matches))
    return list(paths)


class ParityItem(pytest.Item):
    """The parity test of one artifact."""

    def __init__(self, *, artifact: str, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.artifact = artifact

    def runtest(self) -> None:
        """Compare the artifact with PyTorch."""
        from posedeploy.testing import assert_parity

        values = {name: self.config.getoption(f"--posedeploy-{name}") for name in KEYWORDS}
        options = {name.replace("-", "_"): value for name, value in values.items() if value is not None}
        assert_parity(self.artifact, **options)

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: object = None) -> str:
        """Return the differences or a user's error without a traceback."""
        from posedeploy.errors import PoseDeployError

        if excinfo.errisinstance((AssertionError, PoseDeployError)):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the artifact and the name of its test."""
        return Path(self.artifact), None, self.name
