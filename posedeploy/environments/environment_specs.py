"""The table of isolated environments: packages, Python versions and the script that runs in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from posedeploy.errors import IsolatedEnvironmentError

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class EnvironmentSpec:
    """An isolated environment for packages whose pins conflict with posedeploy's.

    requirements: exact pins of all packages, which are installed without resolving dependencies. script: a
    file that defines ``run(request) -> response``, both JSON objects, and imports only packages of the
    environment. pythons: the (major, minor) versions that all pinned packages have wheels for. shown: the
    packages whose versions reports and manifests list. variables: environment variables of the child process.
    """

    name: str
    requirements: Path
    script: Path
    pythons: tuple[tuple[int, int], ...]
    shown: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def add_command(self) -> str:
        """The command that creates the environment."""
        return f"posedeploy env add {self.name}"


ENVIRONMENTS = {
    spec.name: spec
    for spec in (
        EnvironmentSpec(
            "onnx2tf",
            FOLDER / "requirements" / "onnx2tf.txt",
            FOLDER / "worker" / "onnx2tf.py",
            ((3, 11),),
            ("onnx2tf", "tensorflow_cpu"),
            {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"},
        ),
    )
}


def environment_named(name: str) -> EnvironmentSpec:
    """Return the row of an isolated environment.

    Raises:
        IsolatedEnvironmentError: no environment has this name.
    """
    if name not in ENVIRONMENTS:
        raise IsolatedEnvironmentError(
            f"no isolated environment is called {name!r}; available: {', '.join(ENVIRONMENTS)}"
        )
    return ENVIRONMENTS[name]
