"""Intermediate tensors of TorchScript files, in torch's interpreter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from posedeploy.bisection.intermediates.opening import Changes, OpenedFile
from posedeploy.errors import ArtifactError
from posedeploy.runtimes.pytorch import configure
from posedeploy.runtimes.run_options import check_precision
from posedeploy.runtimes.torch_runner import TorchRunner
from posedeploy.types import Artifact, RunOptions, Tensors, TensorSpec

RETURNING = frozenset({"prim::Return", "prim::TupleConstruct"})
"""The nodes that return the outputs."""


def open_file(artifact: Artifact, options: RunOptions, folder: Path, changes: Changes) -> OpenedFile:
    """Open a TorchScript file, which ``TorchScriptRunner`` can open, with the tensors of its graph as
    outputs, and inputs that replace results.

    Raises:
        ArtifactError: the graph has control flow or calls Python classes, so its tensors are not in one list.
    """
    runner = _GraphRunner(artifact, options, changes)
    return OpenedFile(runner, runner.operators, runner.cuts)


class _GraphRunner(TorchRunner):
    """A runner of the graph of a TorchScript file, whose outputs are the file's own and others.

    operators: the operator of each output, in the order of the graph. cuts: the input that replaces a tensor.
    """

    def __init__(self, artifact: Artifact, options: RunOptions, changes: Changes) -> None:
        device, self.runtime_info = configure("torchscript", options, check_precision(artifact, options))
        graph, specs = _load_graph(artifact.path, device), artifact.spec.outputs
        returned = {
            value.debugName(): spec.name for value, spec in zip(_returned(graph), specs, strict=False)
        }
        values = [
            value
            for value in _tensors(graph)
            if value.debugName() in returned or changes.shows(value.debugName())
        ]
        others = [value for value in values if value.debugName() not in returned]
        for value in others:
            graph.registerOutput(value)
        graph.makeMultiOutputIntoTuple()
        graph.eraseInput(0)  # the module, which a frozen graph does not use
        names = [returned.get(value.debugName(), value.debugName()) for value in values]
        self.operators = {
            name: value.node().kind().removeprefix("aten::")
            for name, value in zip(names, values, strict=True)
        }
        self.cuts = _cut(graph, dict(zip(names, values, strict=True)), changes.cuts)
        self.inputs = (
            *artifact.spec.inputs,
            *(
                TensorSpec(self.cuts[name], array.shape, array.dtype.name)
                for name, array in changes.cuts.items()
                if name in self.cuts
            ),
        )
        self.outputs = (
            *specs,
            *(TensorSpec(value.debugName(), (), "float32") for value in others),
        )
        program = torch._C._create_function_from_graph("intermediates", graph)
        self._open(program, device, options, artifact.path)


def _load_graph(path: Path, device: torch.device) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(str(path), map_location=device)  # type: ignore[no-untyped-call]
        if next(module.graph.inputs()).uses():  # not frozen: the weights are in the module
            module = torch.jit.freeze(module.eval(), optimize_numerics=False)
    graph = module.graph.copy()
    if next(graph.inputs()).uses() or any(list(node.blocks()) for node in graph.nodes()):
        raise ArtifactError(
            f"{path}: the TorchScript graph has control flow, so its intermediate tensors cannot become "
            "outputs; trace the network without branches, or examine an ONNX export of its checkpoint"
        )
    return graph


def _returned(graph: Any) -> list[Any]:
    """Return the values that the graph returns, also those in a tuple."""
    values: list[Any] = []
    for value in graph.outputs():
        node = value.node()
        values += list(node.inputs()) if node.kind() == "prim::TupleConstruct" else [value]
    return values


def _cut(graph: Any, values: Mapping[str, Any], cuts: Tensors) -> dict[str, str]:
    """Add an input for each of these tensors that an operator uses, and return its name."""
    names: dict[str, str] = {}
    for tensor in cuts:
        uses = [use for use in values[tensor].uses() if use.user.kind() not in RETURNING]
        if uses:
            names[tensor] = f"replaced_{len(names)}"
            replacement = graph.addInput(names[tensor])
            replacement.setType(torch._C.TensorType.get())
            # BF16, which NumPy does not have, is passed as FP32.
            typed = graph.create("aten::type_as", [replacement, values[tensor]])
            typed.insertAfter(values[tensor].node())
            for use in uses:
                use.user.replaceInput(use.offset, typed.output())
    return names


def _tensors(graph: Any) -> Iterator[Any]:
    for node in graph.nodes():
        if node.kind().startswith("aten::"):
            yield from (value for value in node.outputs() if isinstance(value.type(), torch._C.TensorType))
