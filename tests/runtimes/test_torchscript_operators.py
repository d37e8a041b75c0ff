"""TorchScript files with operators that the installed torch does not have."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from posedeploy.errors import ArtifactError
from posedeploy.runtimes.torchscript import TorchScriptRunner
from posedeploy.types import Artifact, ModelSpec, RunOptions, TensorSpec


def write_program(package: str, path: Path) -> Artifact:
    """Write a TorchScript file with an operator of a package, which is not registered afterwards."""
    library = torch.library.Library(package, "DEF")
    library.define("twice_for_tests(Tensor x) -> Tensor")
    library.impl("twice_for_tests", lambda x: 2 * x, "CompositeExplicitAutograd")
    operator = getattr(torch.ops, package).twice_for_tests

    def double(x: Tensor) -> Tensor:
        doubled: Tensor = operator(x)
        return doubled

    torch.jit.trace(double, torch.ones(1)).save(str(path))  # type: ignore[no-untyped-call]
    library._destroy()
    tensor = TensorSpec("x", (1,))
    spec = ModelSpec("unknown", "", (tensor,), (tensor,))
    return Artifact(path, "torchscript", spec, "fp32", {})


@pytest.mark.parametrize(
    ("package", "message"),
    [
        (
            "ops_of_a_test",
            r"net\.torchscript: the installed torch has no operator ops_of_a_test::twice_for_tests",
        ),
        (
            "torchvision",
            r"net\.torchscript: (the file uses operators of torchvision, which cannot be imported|"
            r"the installed torch has no operator torchvision::twice_for_tests)",
        ),
    ],
)
def test_an_unknown_operator_is_named(package: str, message: str, tmp_path: Path) -> None:
    artifact = write_program(package, tmp_path / "net.torchscript")
    with pytest.raises(ArtifactError, match=message):
        TorchScriptRunner(artifact, RunOptions())
