"""THE table of toolchains: what is installed for each, for which Pythons, and what is run in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from posedeploy.errors import ToolchainError

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Toolchain:
    """Packages that live in an environment of their own, since they pin others than ours.

    requirements: exact pins of everything, installed without looking for more. script: a file with
    ``run(request) -> answer``, both JSON objects, that may use what is installed there and nothing else.
    pythons: the (major, minor) versions that the pins have wheels for. shown: the packages whose versions a
    user, or a manifest, wants to see. variables: of the child's environment.
    """

    name: str
    requirements: Path
    script: Path
    pythons: tuple[tuple[int, int], ...]
    shown: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def add_command(self) -> str:
        """What makes it."""
        return f"posedeploy toolchain add {self.name}"


TOOLCHAINS = {
    toolchain.name: toolchain
    for toolchain in (
        Toolchain(
            "onnx2tf",
            HERE / "requirements" / "onnx2tf.txt",
            HERE / "worker" / "onnx2tf.py",
            ((3, 11),),
            ("onnx2tf", "tensorflow_cpu"),
            {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0"},
        ),
    )
}


def toolchain_named(name: str) -> Toolchain:
    """The row of a toolchain.

    Raises:
        ToolchainError: there is no such toolchain.
    """
    if name not in TOOLCHAINS:
        raise ToolchainError(f"no toolchain is called {name!r}; the toolchains are {', '.join(TOOLCHAINS)}")
    return TOOLCHAINS[name]
