"""Specs of networks that a contract and the shapes of their tensors describe."""

from __future__ import annotations

import tempfile
from pathlib import Path

from posedeploy import contracts
from posedeploy.families import poses_of
from posedeploy.types import Camera, Dimension, ModelSpec, Placement, Poses, Tensors, TensorSpec


def describe_network(
    contract: str, outputs: dict[str, tuple[Dimension, ...]], image: tuple[Dimension, ...] = (1, 3, 256, 192)
) -> ModelSpec:
    """Return the spec of a network, from the text of a contract and the shapes of the tensors."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.toml"
        path.write_text(contract, encoding="utf-8")
        described = contracts.read(path)
    tensors = tuple(TensorSpec(name, shape) for name, shape in outputs.items())
    return contracts.apply_contract(described, (TensorSpec("input", image),), tensors, "net.onnx")


def decode_with(spec: ModelSpec, outputs: Tensors, placement: Placement, *, refine: bool = False) -> Poses:
    """Decode outputs by the family of a spec, with refined positions if requested."""
    keywords = {"refine": True} if refine else {}
    return poses_of(spec.family).decode(outputs, spec, placement, Camera(), **keywords)
