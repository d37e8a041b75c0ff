"""Operators of any graph, with the methods and the type names of an OpenVINO graph, for ``float_layers``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class OperatorView:
    """An operator and its only output. kind: OpenVINO's type. sources: the operators that it reads."""

    name: str
    kind: str
    sources: Sequence[OperatorView] = ()

    def get_friendly_name(self) -> str:
        """Return the unique name of the operator."""
        return self.name

    def get_type_name(self) -> str:
        """Return the type, ``Parameter`` and ``Constant`` included."""
        return self.kind

    def input_values(self) -> Sequence[OperatorView]:
        """Return the sources as values."""
        return self.sources

    def get_node(self) -> OperatorView:
        """Return the operator of a value, which is itself."""
        return self


@dataclass(frozen=True)
class GraphView:
    """A graph. ordered: its operators in an order in which they can run. results: its outputs."""

    ordered: Sequence[OperatorView]
    results: Sequence[OperatorView]

    def get_ordered_ops(self) -> Sequence[OperatorView]:
        """Return the operators in graph order."""
        return self.ordered

    def get_results(self) -> Sequence[OperatorView]:
        """Return the outputs."""
        return self.results
