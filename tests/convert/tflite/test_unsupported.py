"""Networks that TFLite cannot run are refused with the location of the operator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from torch import Tensor, nn

from posedeploy.convert.agreement import find_mismatch
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions
from posedeploy.convert.prepare import prepare
from posedeploy.convert.tflite.check import refuse_custom_operators
from posedeploy.errors import ExportError
from posedeploy.types import Model, ModelSpec, TensorSpec


class Svd(nn.Module):
    """A network with an operator that litert-torch does not support."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.svd(x)[1]


class Identity(nn.Module):
    """A network with an operator that the format has and the interpreter lacks."""

    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.eye(4)


class Counted(nn.Module):
    """A loop whose length depends on the data."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(int(x.sum().item())):
            x = x + 1
        return x


class Nested(nn.Module):
    """A network with another module two levels deep."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.before = nn.Linear(4, 4)
        self.body = nn.ModuleDict({"odd_one": inner})

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.body["odd_one"](self.before(x))
        return result


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (
            Svd(),
            r"^litert-torch cannot .* at the operator aten\._linalg_svd\.default in body\.odd_one ",
        ),
        (
            Identity(),
            r"^LiteRT cannot run the converted .*: STABLEHLO_IOTA in .*Identity_odd_one; rewrite that",
        ),
        (
            Counted(),
            r"^litert-torch cannot convert this network: in body\.odd_one: Could not .* data-dependent expr",
        ),
    ],
    ids=["operator", "builtin", "loop"],
)
def test_an_unsupported_operator_is_named_with_its_location(
    tmp_path: Path, inner: nn.Module, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spec = ModelSpec("x", "", (TensorSpec("data", (4, 4)),), (TensorSpec("out", (4, 4)),))
    model = Model(Nested(inner).eval().requires_grad_(False), spec, None, "")
    with pytest.raises(ExportError, match=message) as refusal:
        export(model, ["tflite"], tmp_path, "a")
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())
    assert "def forward" not in capfd.readouterr().err, "torch prints the graph that it has so far"


def test_outputs_that_are_not_finite_are_an_error_of_the_network() -> None:
    class Endless(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x / 0

    spec = ModelSpec("x", "", (TensorSpec("data", (4, 4)),), (TensorSpec("out", (4, 4)),))
    prepared = prepare(Model(Endless(), spec, None, ""), ExportOptions())
    data = np.ones((4, 4), np.float32)
    assert not find_mismatch([np.full((4, 4), np.inf, np.float32)], prepared, [data])
    with pytest.raises(ExportError, match="PyTorch computes NaN or infinity for out on random inputs, and"):
        find_mismatch([data], prepared, [data])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["FlexErf", "FlexSvd"],
            r"TensorFlow operators \(Flex\), which LiteRT does not have: FlexErf in ",
        ),
        (["MyOp"], r"custom operators, which LiteRT does not have: MyOp in Net_network/Mine_layer; rewrite"),
    ],
)
def test_tensorflow_and_custom_operators_are_refused(names: list[str], message: str) -> None:
    codes = [
        schema.OperatorCodeT(builtinCode=schema.BuiltinOperator.CUSTOM, customCode=name.encode())
        for name in names
    ]
    tensors = [schema.TensorT(name=b"a.Net_network/b.Mine_layer;")]
    nodes = [schema.OperatorT(opcodeIndex=index, outputs=[0]) for index in range(len(names))]
    model = schema.ModelT(operatorCodes=codes, subgraphs=[schema.SubGraphT(tensors=tensors, operators=nodes)])
    with pytest.raises(ExportError, match=message):
        refuse_custom_operators(model)


class FixedReshape(nn.Module):
    """A network that accepts any length, and computes with the length of the example."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.arange(x.shape[-1], dtype=torch.float32).sum() * float(x.shape[0])


class FixedLength(nn.Module):
    """A network that accepts only one length."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1, 3, 1280)


@pytest.mark.parametrize("network", [FixedReshape(), FixedLength()], ids=["baked", "rigid"])
def test_an_axis_that_is_fixed_by_the_network_is_refused(
    tiny: Model, tmp_path: Path, network: nn.Module
) -> None:
    shape = ("batch", 3, "height", "width")
    spec = replace(
        tiny.spec, inputs=(TensorSpec("data", shape),), outputs=(TensorSpec("out", shape),), roles={}
    )
    with pytest.raises(ExportError) as refusal:
        export(Model(network.eval(), spec, None, ""), ["tflite"], tmp_path, "a", ExportOptions(dynamic=True))
    assert "leave `dynamic` out, or choose another target" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())
