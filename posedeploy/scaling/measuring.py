"""``benchmark`` and ``compare`` on kinds of nodes of a Ray cluster: a row for each artifact and kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import msgspec

from posedeploy import __version__, plugins
from posedeploy.api.benchmarking import benchmark
from posedeploy.api.comparing import compare
from posedeploy.api.model_args import ModelKeywords, list_paths
from posedeploy.argument_types import check_arguments
from posedeploy.convert.export_options import ignore_progress
from posedeploy.errors import InputError
from posedeploy.scaling.outcome import Outcome, check_version
from posedeploy.scaling.shard_job import resolve_model_args, resolve_model_path
from posedeploy.text_files import format_json
from posedeploy.types import OnProgress, StrPath

Measurement: TypeAlias = Literal["bench", "parity"]
CALLS: dict[Measurement, Callable[..., Any]] = {"bench": benchmark, "parity": compare}
MODELS = ("checkpoint", "against", "compare")
"""The arguments that may be the built-in sample or the URL of a served model, instead of a path."""
FORMAT, VERSION = "posedeploy.nodes", 1


@dataclass(frozen=True)
class NodeRow:
    """One artifact on one kind of node.

    host: the node's name. machine: its description; empty if the measurement failed. document: the
    report as ``to_json`` writes it; None if the measurement failed. error: why it failed.
    """

    model: str
    label: str
    host: str
    machine: str = ""
    document: dict[str, Any] | None = None
    error: str = ""


@dataclass(frozen=True)
class NodesReport:
    """The measurements of artifacts on kinds of nodes."""

    measurement: Measurement
    rows: tuple[NodeRow, ...]

    @property
    def passed(self) -> bool:
        """Whether every row was measured, passed its parity, and did not become slower."""
        return all(row.document is not None and _has_passed(row.document) for row in self.rows)

    def to_json(self) -> str:
        """Return the versioned document: each row with the whole document of its measurement."""
        return format_json(
            {
                "format": FORMAT,
                "version": VERSION,
                "posedeploy": __version__,
                "measurement": self.measurement,
                "passed": self.passed,
                "rows": [asdict(row) for row in self.rows],
            }
        )


def _has_passed(document: dict[str, Any]) -> bool:
    is_slower = any(each["verdict"] == "slower" for each in document.get("comparisons", ()))
    return document.get("passed", True) and not document.get("failures") and not is_slower


@check_arguments
def measure_on_nodes(
    measurement: Measurement,
    models: StrPath | Iterable[StrPath],
    on: Sequence[str] = ("cpu",),
    address: str = "local",
    *,
    on_progress: OnProgress = ignore_progress,
    **arguments: Any,
) -> NodesReport:
    """Run ``benchmark`` or ``compare`` on each artifact on a node of each kind.

    Each measurement has a node for itself. A measurement that fails, such as on a node without the runtime,
    becomes a row with the reason.

    Args:
        models: the paths of artifacts; all nodes have them under the same path.
        on: the labels of the nodes: ``cpu``, ``cuda``, a custom resource, or a label of a node.
        arguments: those of ``benchmark`` or ``compare``. Paths are the same on all nodes.

    Raises:
        InputError: no node has one of the labels, or there is no model.
        ClusterError: the cluster cannot be reached.
    """
    paths = list(map(resolve_model_path, list_paths(models)))
    if not paths or not on:
        raise InputError("nothing to measure: expected at least one artifact and one label of `on`")
    nodes = plugins.module("posedeploy.scaling.nodes")
    call = partial(_measure, __version__, measurement, _with_absolute_paths(arguments))
    on_progress("starting Ray", None)
    with plugins.load("posedeploy.scaling.cluster:connect")(address):
        chosen = nodes.choose_nodes(list(dict.fromkeys(on)))
        cells = [(path, label, chosen[label]) for path in paths for label in chosen]
        tasks = [(node, partial(call, path)) for path, _, node in cells]
        rows = []
        for (path, label, node), outcome in zip(cells, nodes.run_alone(tasks), strict=True):
            rows.append(_to_row(path, label, node.host, outcome))
            on_progress(f"{path.name} on {label}", len(rows) / len(cells))
    return NodesReport(measurement, tuple(rows))


def _measure(
    version: str, measurement: Measurement, arguments: dict[str, Any], path: Path
) -> tuple[str, str]:
    """Return the machine and the JSON of a measurement on this node."""
    check_version(version)
    report = CALLS[measurement](path, **arguments)
    return str(report.machine), report.to_json()


def _to_row(path: Path, label: str, host: str, outcome: Outcome) -> NodeRow:
    if outcome.error and outcome.error_class is not None:
        return NodeRow(str(path), label, host, error=outcome.error)
    machine, document = outcome.take()
    return NodeRow(str(path), label, host, machine, msgspec.json.decode(document))


def _with_absolute_paths(arguments: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = dict(resolve_model_args(cast(ModelKeywords, arguments)))
    for name in arguments.keys() - {"contract", "network"}:
        value = arguments[name]
        if name in MODELS and value is not None:
            described[name] = resolve_model_path(value)
        elif isinstance(value, (list, tuple)):
            described[name] = [each.absolute() if isinstance(each, Path) else each for each in value]
        elif isinstance(value, Path):
            described[name] = value.absolute()
    return described
