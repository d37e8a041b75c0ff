"""Tables for the terminal, of the data that ``--json`` writes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from posedeploy.api.latency_report import PERCENTILES
from posedeploy.backends import bytes_of
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.time_comparison import TimeComparison
from posedeploy.printable import counted, printable
from posedeploy.types import Artifact, ModelSpec, RuntimeInfo


def create_table(title: str | None, text: Sequence[str], numbers: Sequence[str] = ()) -> Table:
    """Return an empty table with columns of text and of numbers."""
    table = Table(
        title=None if title is None else escape(title),
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title_justify="left",
        title_style="bold",
    )
    for column in text:
        table.add_column(column, overflow="fold")
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def format_size(count: int | None) -> str:
    """Format a number of bytes in kB, rounded up, or in MB; '' for None."""
    if count is None:
        return ""
    kilobytes = math.ceil(count / 1e3)
    return f"{kilobytes} kB" if kilobytes < 1000 else f"{count / 1e6:.1f} MB"


def artifacts_table(artifacts: Sequence[Artifact]) -> Table:
    """Return the table of the artifacts of an export."""
    table = create_table("Artifacts", ["file", "target"], ["size"])
    for artifact in artifacts:
        table.add_row(escape(printable(str(artifact.path))), artifact.target, format_size(bytes_of(artifact)))
    return table


def tensors_table(spec: ModelSpec) -> Table:
    """Return the table of the inputs and outputs of a network."""
    extra = [
        field
        for field in ("quantization", "stride")
        if any(getattr(tensor, field) for tensor in (*spec.inputs, *spec.outputs))
    ]
    table = create_table("Tensors", ["", "name", "type", "shape", *extra])
    for kind, tensors in (("input", spec.inputs), ("output", spec.outputs)):
        for tensor in tensors:
            shape = " x ".join(map(str, tensor.shape)) + (f" {tensor.layout}" if tensor.layout else "")
            cells = (str(getattr(tensor, field) or "") for field in extra)
            table.add_row(kind, escape(tensor.name), tensor.dtype, escape(shape), *map(escape, cells))
    return table


def integers_line(result: Latency | Parity) -> str:
    """Return the inputs and outputs with their quantization; '' if all are float32."""
    if all(tensor.dtype == "float32" for tensor in (*result.input_specs, *result.output_specs)):
        return ""
    inputs, outputs = (", ".join(map(str, tensors)) for tensors in (result.input_specs, result.output_specs))
    return f"{result.label}: inputs {inputs}; outputs {outputs}"


def layers_line(result: Latency | Parity) -> str:
    """Return the layers by precision; '' if the model has one precision."""
    info = result.runtime_info
    return f"{result.label}: {info.layers}" if info.layers and "+" in info.precision else ""


def format_runtime(runtime_info: RuntimeInfo) -> str:
    """Format the runtime, its device, precision and threads."""
    threads = _threads(runtime_info)
    return ", ".join(
        (
            f"{runtime_info.runtime} {runtime_info.version}",
            runtime_info.device,
            runtime_info.precision,
            *threads,
        )
    )


def latency_table(results: Sequence[Latency]) -> Table:
    """Return the table of the times, each above its confidence interval.

    Percentiles for which all candidates have too few runs have no column. Images per second have one if they
    are not the inverse of the time.
    """
    percents = [percent for percent in PERCENTILES if any(row.percentile_ms(percent) for row in results)]
    headings = [f"p{percent} ms" for percent in percents]
    rates = ["images/s"] if any(row.scenario == "offline" or row.batch > 1 for row in results) else []
    table = create_table("Latency", ["model"], ["median ms", *headings, "spread", *rates, "speedup"])
    for result in results:
        table.add_row(
            two_lines(result.label, _short_runtime(result.runtime_info)),
            two_lines(_format_ms(result.median_ms), format_interval(result.median_interval_ms)),
            *(
                two_lines(
                    _format_ms(result.percentile_ms(percent)),
                    format_interval(result.percentile_interval_ms(percent)),
                )
                for percent in percents
            ),
            "" if result.spread is None else f"{result.spread:.1%}",
            *(f"{result.images_per_s:.1f}" for _ in rates),
            two_lines(
                f"{result.speedup:.2f}x" if result.speedup else "",
                format_interval(result.speedup_interval),
            ),
        )
    return table


def stages_table(results: Sequence[Latency]) -> Table:
    """Return the table of the times from an image to poses, by stage."""
    table = create_table("End to end", ["model"], ["preprocess ms", "network ms", "decode ms", "total ms"])
    for result in results:
        table.add_row(
            two_lines(result.label, _short_runtime(result.runtime_info)),
            _format_ms(result.preprocess_ms),
            _format_ms(result.median_ms),
            _format_ms(result.decode_ms),
            two_lines(_format_ms(result.end_to_end_ms), format_interval(result.end_to_end_interval_ms)),
        )
    return table


def own_process_table(results: Sequence[Latency]) -> Table:
    """Return the table of the costs of each model in a separate process, with energy if it was measured."""
    footprints = [(row, row.footprint) for row in results if row.footprint is not None]
    counters = sorted({name for _, footprint in footprints for name in footprint.energy_j})
    heads = ["import ms", "load ms", "first ms", "peak memory", *(f"{name} J" for name in counters)]
    table = create_table("In a separate process", ["model"], heads)
    for row, footprint in footprints:
        table.add_row(
            two_lines(row.label, _short_runtime(row.runtime_info)),
            *(f"{1e3 * each:.1f}" for each in (footprint.import_s, footprint.load_s, footprint.first_run_s)),
            format_size(footprint.peak_memory_bytes),
            *(f"{footprint.energy_j[name]:.3g}" if name in footprint.energy_j else "" for name in counters),
        )
    return table


def comparison_table(comparisons: Sequence[TimeComparison], against: str) -> Table:
    """Return the table of the verdicts, with the ratios of the times above their confidence intervals."""
    table = create_table(
        f"Compared with {against}", ["model", "verdict"], ["network time", "interval", "times"]
    )
    for each in comparisons:
        basis = f"relative to {each.reference}" if each.reference else ""
        basis = "in the same rounds" if each.earlier_file else basis
        table.add_row(
            two_lines(each.label, basis),
            two_lines(each.verdict, "by CPU time" if each.clock == "cpu" else ""),
            f"{each.ratio:.3f}x",
            "too few" if each.interval is None else "{:.3f}-{:.3f}".format(*each.interval),
            "{}, {}".format(*each.times),
        )
    return table


def _short_runtime(runtime_info: RuntimeInfo) -> str:
    """Format the runtime and its precision, such as ``onnxruntime fp16, graph``."""
    return f"{runtime_info.runtime} {runtime_info.precision}" + ", graph" * runtime_info.uses_cuda_graph


def footprint_table(results: Sequence[Latency]) -> Table:
    """Return the table of load times, memory and file sizes."""
    table = create_table(
        "Footprint", ["model", "in use"], ["load ms", "first ms", "CPU ms", "memory", "file"]
    )
    for result in results:
        runtime_info = result.runtime_info
        table.add_row(
            two_lines(result.label, f"{runtime_info.runtime} {runtime_info.version}"),
            two_lines(f"{runtime_info.device}, {runtime_info.precision}", *_threads(runtime_info)),
            f"{result.load_ms:.1f}",
            f"{result.first_run_ms:.1f}",
            "" if result.cpu_ms is None else f"{result.cpu_ms:.1f}",
            format_size(result.memory_bytes),
            format_size(result.file_bytes),
        )
    return table


def two_lines(first: str, second: str = "") -> str:
    """Return a cell with a second line, such as the interval of a value."""
    return f"{escape(first)}\n[dim]{escape(second)}[/]"


def _threads(runtime_info: RuntimeInfo) -> tuple[str, ...]:
    count = runtime_info.threads
    return (counted(count, "thread"),) if count else ()


def format_interval(ends: tuple[float, float] | None) -> str:
    """Format an interval such as ``74.9-75.6``, with three digits of the lower end."""
    if ends is None:
        return ""
    decimals = 0 if ends[0] >= 100 else 1 if ends[0] >= 10 else 2
    return f"{ends[0]:.{decimals}f}-{ends[1]:.{decimals}f}"


def _format_ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
