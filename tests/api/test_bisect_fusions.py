"""``bisect`` names the operators whose fusion in the runtime changes the outputs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import onnx
import pytest

import posedeploy as pd
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.bisection.fusions import list_outside_fusion
from posedeploy.bisection.intermediates import onnx_file
from posedeploy.commands.bisect import show_bisect
from posedeploy.runtimes import onnxruntime
from tests.support.layered_network import line_of, load_network, write_checkpoint, write_network
from tests.support.miscompiling_runner import MiscompilingRunner

TENSORS = [str(number) for number in range(40)]


@pytest.mark.parametrize(
    ("fusions", "hidden"),
    [
        ([{"7"}], {"7"}),
        ([{"0"}], {"0"}),
        ([{"39"}], {"39"}),
        ([{"7", "8", "9"}], {"7", "8", "9"}),
        ([{"7", "30"}], {"7", "30"}),
        ([{"7", "8"}, {"20"}, {"31"}], {"7", "8"}),
        ([{"20"}, {"3", "5"}], {"3", "5"}),
        ([], set()),
    ],
)
def test_all_tensors_outside_the_first_wrong_fusion_are_outputs(
    fusions: list[set[str]], hidden: set[str]
) -> None:
    def is_right(shown: Collection[str]) -> bool:
        return all(fusion & set(shown) for fusion in fusions)

    assert list_outside_fusion(TENSORS, is_right) == [each for each in TENSORS if each not in hidden]


def test_the_fused_operators_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = write_network(tmp_path)
    checkpoint = write_checkpoint(load_network(network), tmp_path / "right.pth")
    [artifact] = pd.export(load_checkpoint(checkpoint, network=network), "onnx", tmp_path / "out")
    convolutions = [node for node in onnx.load(artifact.path).graph.node if node.op_type == "Conv"]
    monkeypatch.setattr(MiscompilingRunner, "FUSED", convolutions[2].output[0], raising=False)
    for module in (onnxruntime, onnx_file):
        monkeypatch.setattr(module, "OnnxRuntimeRunner", MiscompilingRunner)
    report = pd.bisect(artifact, network=network)
    assert report.is_fusion and not report.passed
    assert report.first is not None
    fused = [(each.module, each.source and each.source.line) for each in report.first.fused]
    assert fused == [
        ("blocks.1.conv", line_of("self.conv(x)")),
        ("blocks.1.norm", line_of("self.act(self.norm(y))")),
        ("blocks.1.act", line_of("self.act(self.norm(y))")),
    ]
    assert report.ranking[0].layer.module == "blocks.1.conv"
    assert report.ranking[0].alone.rms < 1e-5 < report.difference.rms
    show_bisect(report, None)
    printed = " ".join(capsys.readouterr().out.split())
    assert "result of the fused operators" in printed
    assert "fused blocks.1.conv (Conv2d)" in printed
    assert "the cause is a fusion of operators in the runtime, from blocks.1.conv (Conv2d)" in printed
