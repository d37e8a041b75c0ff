"""The network in PyTorch as a graph of operations, each with its module and its line of Python code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, fx, nn

from posedeploy.bisection.arithmetic import LAYERS, Arithmetic, operator_name
from posedeploy.bisection.operations import Operation, SourceLine
from posedeploy.bisection.sorted_rows import find_sorted_rows
from posedeploy.bisection.source_lines import find_call_lines, find_line
from posedeploy.errors import ExportError, first_line
from posedeploy.suppress_output import suppress_python_output
from posedeploy.types import Array

NodeValues: TypeAlias = Mapping[fx.Node, Any]
"""The value of each node of a graph after a run."""
Visit: TypeAlias = Callable[[str, Tensor], Tensor]
"""Gets the name and the result of an operation, and returns the result that the next operations use."""
WRAPPER = "network"
"""The name of the network in its export wrapper."""


class ReferenceGraph:
    """A network traced for one input.

    operations: in the order of their execution, without those whose number of elements depends on the values
    of the input, such as the rows of detected people: rounding can add one, and their order has no meaning.
    outputs: the operation of each output; an input that the network returns has the name of no operation.
    sorted_rows: of the operations that select rows by the order of sorted values.
    """

    def __init__(self, network: nn.Module, arrays: Iterable[Array]) -> None:
        """
        Args:
            arrays: the inputs of the network, in order.

        Raises:
            ExportError: torch.export cannot trace the network.
        """
        self._inputs = to_tensors(arrays)
        calls = find_call_lines(network, self._inputs)
        try:
            with suppress_python_output():
                program = torch.export.export(network, self._inputs, strict=False).run_decompositions({})
                self._program = program.module(check_guards=False)
        except Exception as error:  # any error of the network's own code
            raise ExportError(
                f"torch.export cannot trace this network, so its layers are unknown: {first_line(error)}"
            ) from error
        nodes = [node for node in self._program.graph.nodes if _has_comparable_result(node)]
        names = {node.name for node in nodes}
        self.operations = tuple(_operation(node, names, calls) for node in nodes)
        results = next(node for node in self._program.graph.nodes if node.op == "output").args[0]
        self.outputs: tuple[str, ...] = tuple(
            node.name for node in (results if isinstance(results, Sequence) else [results])
        )
        self.sorted_rows = find_sorted_rows(self._program.graph.nodes)
        self._names = frozenset(names)

    def run(self, arithmetic: Arithmetic, visit: Visit = lambda name, result: result) -> tuple[Tensor, ...]:
        """Return the outputs. Each result of an operation is passed to ``visit``, in order."""
        runner = _Interpreter(self._program, self._names, arithmetic, visit)
        with torch.inference_mode():
            outputs = runner.run(*self._inputs)
        return tuple(outputs) if isinstance(outputs, Sequence) else (outputs,)

    def run_and_keep(self, arithmetic: Arithmetic, visit: Visit) -> NodeValues:
        """Run, and return all values, for ``run_changed``."""
        runner = _Interpreter(self._program, self._names, arithmetic, visit, keep=True)
        with torch.inference_mode():
            runner.run(*self._inputs)
        return runner.env

    def run_changed(
        self,
        arithmetic: Arithmetic,
        visit: Visit,
        values: NodeValues,
        changed: Collection[str],
        replaced: Collection[str],
    ) -> None:
        """Compute the operations for which ``visit`` is another than in ``run_and_keep``, and those that
        depend on them.

        Args:
            values: those of ``run_and_keep``.
            changed: the operations with another replacement.
            replaced: the operations whose result ``visit`` replaces with a value that does not depend on it.
        """
        affected: set[fx.Node] = set()  # their users get other values
        computed: set[fx.Node] = set()
        for node in self._program.graph.nodes:
            if node.name in changed or not affected.isdisjoint(node.all_input_nodes):
                computed.add(node)
                if node.name in changed or node.name not in replaced:
                    affected.add(node)
        known = {node: value for node, value in values.items() if node not in computed}
        runner = _Interpreter(self._program, self._names, arithmetic, visit, keep=True)
        with torch.inference_mode():
            runner.run(*self._inputs, initial_env=known)


def to_tensors(arrays: Iterable[Array]) -> tuple[Tensor, ...]:
    """Return copies of arrays as tensors."""
    return tuple(torch.from_numpy(np.array(array, order="C")) for array in arrays)


def run_network(network: nn.Module, arrays: Iterable[Array]) -> list[Array]:
    """Return the outputs of a network that returns them as a flat tuple."""
    with torch.inference_mode():
        return [output.numpy() for output in network(*to_tensors(arrays))]


class _Interpreter(fx.Interpreter):
    def __init__(
        self,
        program: fx.GraphModule,
        names: frozenset[str],
        arithmetic: Arithmetic,
        visit: Visit,
        keep: bool = False,
    ) -> None:
        super().__init__(program, garbage_collect_values=not keep)
        self._operations, self._arithmetic, self._visit = names, arithmetic, visit

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        return self._visit(n.name, result) if n.name in self._operations else result

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        return self._arithmetic(target, args, kwargs)


def _has_comparable_result(node: fx.Node) -> bool:
    """Return whether the result of a node has real numbers and a known shape."""
    value = node.meta.get("val")
    if node.op != "call_function" or not isinstance(value, Tensor) or not value.is_floating_point():
        return False
    return all(isinstance(length, int) for length in value.shape)


def _operation(node: fx.Node, names: set[str], calls: Mapping[str, SourceLine]) -> Operation:
    modules = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = modules[-1] if modules else ("", "")
    kind = kind if isinstance(kind, str) else kind.__name__
    operator = operator_name(_source_function(node))
    return Operation(
        name=node.name,
        operator=operator,
        module="" if path == WRAPPER else path.removeprefix(f"{WRAPPER}."),
        module_class=kind.rpartition(".")[2],
        source=find_line(node.stack_trace, path, calls),
        inputs=tuple(dict.fromkeys(_find_inputs(node, names))),
        is_layer=operator in LAYERS,
    )


def _source_function(node: fx.Node) -> Any:
    """Return the function of a node; of a selected result, that which computes it."""
    while operator_name(node.target) == "getitem" and isinstance(node.args[0], fx.Node):
        node = node.args[0]
    return node.target


def _find_inputs(node: fx.Node, names: set[str]) -> list[str]:
    """Return the nearest operations before a node, through nodes that are none, such as tuples."""
    nearest: list[str] = []
    for source in node.all_input_nodes:
        nearest += [source.name] if source.name in names else _find_inputs(source, names)
    return nearest
