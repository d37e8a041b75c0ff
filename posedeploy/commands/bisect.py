"""``posedeploy bisect``: the first faulty tensor, and the ranking of layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from posedeploy.api.bisect_report import BisectReport, FaultyTensor, OutputDifference
from posedeploy.bisection.operations import Operation
from posedeploy.console.output import out, write_json
from posedeploy.console.tables import create_table, format_runtime
from posedeploy.printable import counted, printable

MAX_NAME = 40
"""Characters of a tensor's name that are shown; the JSON has all."""
MAX_FURTHER = 5
"""Further faulty tensors that are listed; the JSON has all."""


def show_bisect(report: BisectReport, json: Path | None) -> None:
    """Show the result and write the JSON."""
    label = escape(printable(str(report.artifact.path)))
    out.print(f"[bold]{label}[/]\n[dim]{escape(format_runtime(report.runtime_info))}[/]", soft_wrap=True)
    for line in _summary_lines(report):
        out.print(line, markup=False)
    if report.first is not None:
        out.print(_fault_table(report.first, is_fusion=report.is_fusion))
        for line in _further_lines(report.faults[1:]):
            out.print(line, markup=False)
    if report.ranking:
        out.print()
        out.print(_ranking_table(report))
    color = "green" if report.passed else "red"
    out.print(f"[bold]{label}[/]: [bold {color}]{escape(printable(report.verdict))}[/]", soft_wrap=True)
    if json is not None:
        write_json(json, report.to_json())


def _summary_lines(report: BisectReport) -> Iterator[str]:
    yield (
        f"{report.matched} of {report.tensors} tensors of the file are results of the network's "
        f"{report.operations} operations"
    )
    yield f"on {report.input}, the outputs differ from PyTorch by {_format(report.difference)}"
    if _format(report.with_intermediates) != _format(report.difference):
        yield f"if all tensors are outputs, the difference is {_format(report.with_intermediates)}"
    used = report.runtime_info.device  # for "auto", the one that the runtime chose
    if report.floor_device not in (report.device, used.lower()):
        yield (
            f"noise floor: PyTorch on {report.floor_device}; the artifact ran on {used}, "
            "whose kernels can have larger rounding errors"
        )


def _fault_table(fault: FaultyTensor, *, is_fusion: bool) -> Table:
    table = create_table(None, ["result of the fused operators" if is_fusion else "first faulty tensor", ""])
    layer, result = fault.layer, fault.operation
    table.add_row("tensor of the file", escape(f"{_shorten(fault.tensor)} ({fault.operator})"))
    if is_fusion:
        for name, source in _modules(fault.fused):
            table.add_row("fused", escape(name))
            table.add_row("source", escape(source))
    else:
        table.add_row("module", escape(str(layer)))
        if result.name != layer.name:
            table.add_row("up to", escape(str(result)))
        table.add_row("source", escape(_format_source(layer)))
    table.add_row("own error", f"{fault.error:.1e} (noise floor {fault.floor:.1e}, limit {fault.limit:.1e})")
    if fault.hint:
        table.add_row("hint", fault.hint)
    return table


def _modules(operations: Iterable[Operation]) -> list[tuple[str, str]]:
    """Return the modules of operations with their source lines, each pair once, in order."""
    return list(dict.fromkeys((str(each), _format_source(each)) for each in operations))


def _format_source(operation: Operation) -> str:
    return f"{operation.source.file}:{operation.source.line}" if operation.source else "unknown"


def _further_lines(faults: tuple[FaultyTensor, ...]) -> Iterator[str]:
    for each in faults[:MAX_FURTHER]:
        yield f"also: {each.layer}, own error {each.error:.1e}"
    if len(faults) > MAX_FURTHER:
        yield f"and {counted(len(faults) - MAX_FURTHER, 'other tensor')}"


def _ranking_table(report: BisectReport) -> Table:
    table = create_table(
        "Difference of the outputs that remains with layers put back to FP32",
        ["layer", "source"],
        ["own error", "all others", "only this", "down to this"],
    )
    for each in report.ranking:
        table.add_row(
            escape(str(each.layer)),
            escape(str(each.layer.source or "")),
            f"{each.error:.1e}",
            # In two lines, so that names of layers have space in a narrow terminal.
            *(_format(part).replace(", ", ",\n") for part in (each.caused, each.alone, each.together)),
        )
    return table


def _shorten(name: str) -> str:
    """Return the end of a tensor's name. Names in TFLite files contain the paths of several modules."""
    name = printable(name.partition(";;")[0])
    return name if len(name) <= MAX_NAME else f"...{name[3 - MAX_NAME :]}"


def _format(difference: OutputDifference) -> str:
    if difference.poses is None:
        return f"{difference.rms:.1e}"
    unmatched = f", {difference.unmatched} unmatched" if difference.unmatched else ""
    return f"{difference.poses:.2g} {difference.unit}{unmatched}"
