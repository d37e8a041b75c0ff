"""The precision of the layers in TorchScript files of any origin."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from posedeploy.errors import ManifestError
from posedeploy.layer_counts import in_tf32, layers_line, recorded_layers, summary
from posedeploy.runtimes.torchscript import TorchScriptRunner
from posedeploy.runtimes.torchscript_layers import count_layers
from posedeploy.types import Artifact, ModelSpec, RunOptions, TensorSpec

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Layers(nn.Module):
    """Layers of each class in two precisions, and a product of two activations, which is not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 4, 2))
        self.head = nn.Linear(4, 4).to(torch.bfloat16)
        self.mix = nn.Parameter(torch.ones(4, 5))

    def forward(self, data: Tensor) -> Tensor:
        x = self.body(data).mean((2, 3))
        x = self.head(x.to(torch.bfloat16)).to(torch.float32)
        if bool(x.sum() > 1e9):
            x = x @ self.mix @ self.mix.t()
        return x @ x.t()


def saved(module: object, path: Path) -> Artifact:
    """Save a TorchScript module that turns 1x3x8x8 into 1x1."""
    module.save(str(path))  # type: ignore[attr-defined]
    tensors = (TensorSpec("data", (1, 3, 8, 8)),), (TensorSpec("out", (1, 1)),)
    return Artifact(path, "torchscript", ModelSpec("unknown", "", *tensors), "unknown", {})


@pytest.mark.parametrize("frozen", [True, False])
def test_each_class_of_layers_is_counted_by_the_precision_of_its_weights(
    frozen: bool, tmp_path: Path
) -> None:
    scripted = torch.jit.script(Layers().eval())  # type: ignore[no-untyped-call]
    artifact = saved(torch.jit.freeze(scripted) if frozen else scripted, tmp_path / "net.torchscript")
    with TorchScriptRunner(artifact, RunOptions(threads=1)) as runner:
        info = runner.runtime_info
    assert info.layers == (
        "convolutions: 1 fp32; transposed convolutions: 1 fp32; matrix products: 2 fp32, 1 bf16"
    )
    assert info.precision == "bf16+fp32"


def test_float32_layers_run_in_tf32_where_that_is_on(tmp_path: Path) -> None:
    traced = torch.jit.trace(Layers().body.eval(), torch.ones(1, 3, 8, 8))  # type: ignore[no-untyped-call]
    counts = in_tf32(count_layers(traced))
    assert layers_line(counts) == "convolutions: 1 tf32; transposed convolutions: 1 tf32"
    assert summary(counts) == "tf32"


def test_quantized_layers_are_int8() -> None:
    graph = torch._C.parse_ir(
        """
        graph(%self : __torch__.Net, %x : Tensor):
          %n : None = prim::Constant()
          %a : Tensor = quantized::conv2d_relu(%x, %n, %n, %n)
          %b : Tensor = quantized::linear_dynamic(%a, %n, %n)
          %c : Tensor = quantized::add(%a, %b, %n, %n)
          return (%c)
        """.replace("__torch__.Net", "Tensor")
    )

    class Program:
        inlined_graph = graph

    assert layers_line(count_layers(Program())) == "convolutions: 1 int8; matrix products: 1 int8"


def test_a_damaged_record_of_layers_is_an_error(tmp_path: Path) -> None:
    artifact = Artifact(
        tmp_path / "net.pt2", "aoti", ModelSpec("unknown", "", (), ()), "bf16", {}, details={"layers": "many"}
    )
    with pytest.raises(
        ManifestError,
        match=r"net\.pt2: layers in its manifest is not a number of layers by class and",
    ):
        recorded_layers(artifact)
