"""The settings of TF32, which torch has on any machine."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from posedeploy.runtimes import tf32
from posedeploy.types import RunOptions


class Convolving(nn.Module):
    """A convolution in a submodule, and a transposed convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3))
        self.up = nn.ConvTranspose2d(4, 2, 2)

    def forward(self, data: Tensor) -> Tensor:
        grown: Tensor = self.up(torch.relu(self.body(data)))
        return grown


@pytest.fixture(autouse=True)
def restore_settings() -> Iterator[None]:
    """Restore the settings of the process."""
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = True, False


def test_auto_keeps_the_setting_and_fp32_forbids_tf32() -> None:
    assert tf32.configure(RunOptions("cuda", "auto")) == "tf32"
    assert tf32.configure(RunOptions("cuda", "fp32")) == "fp32"
    assert [kind.fp32_precision for kind in tf32.KINDS] == ["ieee"] * 3
    assert tf32.configure(RunOptions("cuda", "auto")) == "fp32", "read back, not taken to be so"


def test_fp32_overrides_the_older_flags() -> None:
    torch.backends.cuda.matmul.allow_tf32 = True
    assert tf32.configure(RunOptions("cuda", "fp32")) == "fp32"
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
def test_torch_still_exports_afterwards() -> None:
    """torch.export reads the older flags, and raises an error if they contradict the newer ones."""
    tf32.configure(RunOptions("cuda", "fp32"))
    program = torch.export.export(Convolving().eval(), (torch.zeros(1, 3, 8, 8),))
    program.run_decompositions()
    assert tf32.configure(RunOptions("cuda", "auto")) == "fp32"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("frozen", [True, False])
def test_a_traced_program_uses_the_current_setting(frozen: bool) -> None:
    data = torch.randn(1, 3, 8, 8)
    module = Convolving().eval()
    torch.backends.cudnn.allow_tf32 = True
    program = torch.jit.trace(module, data, check_trace=False)
    program = torch.jit.freeze(program) if frozen else program
    tf32.configure(RunOptions("cuda", "fp32"))
    tf32.write_into(program)
    with torch.inference_mode():
        assert torch.equal(program(data), module(data))
    ran = torch.jit.last_executed_optimized_graph().findAllNodes(tf32.CONVOLUTION)
    assert [list(node.inputs())[tf32.ALLOW_TF32].toIValue() for node in ran] == [False, False]


def test_a_convolution_of_old_torch_has_no_setting() -> None:
    kinds = ["Tensor"] * 3 + ["int[]"] * 3 + ["bool", "int[]", "int", "bool", "bool", "bool"]
    result = ", ".join(f"%in{number} : {kind}" for number, kind in enumerate(kinds))
    called = ", ".join(f"%in{number}" for number in range(len(kinds)))
    graph = torch._C.parse_ir(
        f"graph({result}):\n  %out : Tensor = {tf32.CONVOLUTION}({called})\n  return (%out)"
    )
    before = str(graph)
    tf32.write_into(SimpleNamespace(graph=graph))
    assert str(graph) == before
