"""Results as tables for the terminal: views of the same data that ``--json`` writes."""

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


def table(title: str | None, left: Sequence[str], right: Sequence[str] = ()) -> Table:
    """An empty table: text columns, then columns of numbers."""
    made = Table(
        title=title,
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title_justify="left",
        title_style="bold",
    )
    for column in left:
        made.add_column(column, overflow="fold")
    for column in right:
        made.add_column(column, justify="right", no_wrap=True)
    return made


def size(count: int | None) -> str:
    """A number of bytes for people: whole kB, rounded up, and from 1 MB on tenths of one."""
    if count is None:
        return ""
    kilobytes = math.ceil(count / 1e3)
    return f"{kilobytes} kB" if kilobytes < 1000 else f"{count / 1e6:.1f} MB"


def artifacts_table(artifacts: Sequence[Artifact]) -> Table:
    """What an export made."""
    made = table("Artifacts", ["file", "target"], ["size"])
    for artifact in artifacts:
        made.add_row(escape(printable(str(artifact.path))), artifact.target, size(bytes_of(artifact)))
    return made


def tensors_table(spec: ModelSpec) -> Table:
    """The inputs and outputs of a network."""
    extra = [
        field
        for field in ("quantization", "stride")
        if any(getattr(tensor, field) for tensor in (*spec.inputs, *spec.outputs))
    ]
    made = table("Tensors", ["", "name", "type", "shape", *extra])
    for kind, tensors in (("input", spec.inputs), ("output", spec.outputs)):
        for tensor in tensors:
            shape = " x ".join(map(str, tensor.shape)) + (f" {tensor.layout}" if tensor.layout else "")
            cells = (str(getattr(tensor, field) or "") for field in extra)
            made.add_row(kind, escape(tensor.name), tensor.dtype, escape(shape), *cells)
    return made


def integers_line(result: Latency | Parity) -> str:
    """Inputs and outputs with their quantization, of a model where not all are float32; '' for any other."""
    if all(tensor.dtype == "float32" for tensor in (*result.input_specs, *result.output_specs)):
        return ""
    inputs, outputs = (", ".join(map(str, tensors)) for tensors in (result.input_specs, result.output_specs))
    return f"{result.label}: inputs {inputs}; outputs {outputs}"


def layers_of(result: Latency | Parity) -> str:
    """The layers by precision, of a model that has more than one precision; '' for any other."""
    info = result.runtime_info
    return f"{result.label}: {info.layers}" if info.layers and "+" in info.precision else ""


def running(runtime_info: RuntimeInfo) -> str:
    """What really runs, in a few words."""
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
    """The times, each above its confidence interval. A percentile that no candidate ran often enough for has
    no column, and images per second have one where they are not simply the inverse of the time."""
    percents = [percent for percent in PERCENTILES if any(row.percentile_ms(percent) for row in results)]
    headings = [f"p{percent} ms" for percent in percents]
    rates = ["images/s"] if any(row.scenario == "offline" or row.batch > 1 for row in results) else []
    made = table("Latency", ["model"], ["median ms", *headings, "spread", *rates, "speed-up"])
    for result in results:
        made.add_row(
            _two(result.label, _runtime(result.runtime_info)),
            _two(_ms(result.median_ms), _interval(result.median_interval_ms)),
            *(
                _two(_ms(result.percentile_ms(percent)), _interval(result.percentile_interval_ms(percent)))
                for percent in percents
            ),
            "" if result.spread is None else f"{result.spread:.1%}",
            *(f"{result.images_per_s:.1f}" for _ in rates),
            _two(f"{result.speed_up:.2f}x" if result.speed_up else "", _interval(result.speed_up_interval)),
        )
    return made


def stages_table(results: Sequence[Latency]) -> Table:
    """The time from an image to poses, by stage."""
    made = table("End to end", ["model"], ["preprocess ms", "network ms", "decode ms", "total ms"])
    for result in results:
        made.add_row(
            _two(result.label, _runtime(result.runtime_info)),
            _ms(result.preprocess_ms),
            _ms(result.median_ms),
            _ms(result.decode_ms),
            _two(_ms(result.end_to_end_ms), _interval(result.end_to_end_interval_ms)),
        )
    return made


def own_process_table(results: Sequence[Latency]) -> Table:
    """The cost of each model in a process of its own; energy only where the machine counts it."""
    footprints = [(row, row.footprint) for row in results if row.footprint is not None]
    counters = sorted({name for _, footprint in footprints for name in footprint.energy_j})
    heads = ["import ms", "load ms", "first ms", "peak memory", *(f"{name} J" for name in counters)]
    made = table("In a process of its own", ["model"], heads)
    for row, footprint in footprints:
        made.add_row(
            _two(row.label, _runtime(row.runtime_info)),
            *(f"{1e3 * each:.1f}" for each in (footprint.import_s, footprint.load_s, footprint.first_run_s)),
            size(footprint.peak_memory_bytes),
            *(f"{footprint.energy_j[name]:.3g}" if name in footprint.energy_j else "" for name in counters),
        )
    return made


def comparison_table(comparisons: Sequence[TimeComparison], against: str) -> Table:
    """Whether each model became slower, and the ratio of its times above the confidence interval."""
    made = table(f"Compared with {against}", ["model", "verdict"], ["time", "99% interval", "runs"])
    for each in comparisons:
        basis = f"relative to {each.reference}" if each.reference else ""
        made.add_row(
            _two(each.label, basis),
            _two(each.verdict, "by CPU time" if each.clock == "cpu" else ""),
            f"{each.ratio:.3f}x",
            "too few" if each.interval is None else "{:.3f}-{:.3f}".format(*each.interval),
            "{}, {}".format(*each.times),
        )
    return made


def _runtime(runtime_info: RuntimeInfo) -> str:
    """``onnxruntime fp16, graph``."""
    return f"{runtime_info.runtime} {runtime_info.precision}" + ", graph" * runtime_info.uses_cuda_graph


def footprint_table(results: Sequence[Latency]) -> Table:
    """What it takes to get there."""
    made = table("Footprint", ["model", "in use"], ["load ms", "first ms", "CPU ms", "memory", "file"])
    for result in results:
        runtime_info = result.runtime_info
        made.add_row(
            _two(result.label, f"{runtime_info.runtime} {runtime_info.version}"),
            _two(f"{runtime_info.device}, {runtime_info.precision}", *_threads(runtime_info)),
            f"{result.load_ms:.1f}",
            f"{result.first_run_ms:.1f}",
            "" if result.cpu_ms is None else f"{result.cpu_ms:.1f}",
            size(result.memory_bytes),
            size(result.file_bytes),
        )
    return made


def _two(first: str, second: str = "") -> str:
    return f"{escape(first)}\n[dim]{escape(second)}[/]"


def _threads(runtime_info: RuntimeInfo) -> tuple[str, ...]:
    count = runtime_info.threads
    return (counted(count, "thread"),) if count else ()


def _interval(ends: tuple[float, float] | None) -> str:
    """``74.9-75.6``, with three digits of the lower end."""
    if ends is None:
        return ""
    decimals = 0 if ends[0] >= 100 else 1 if ends[0] >= 10 else 2
    return f"{ends[0]:.{decimals}f}-{ends[1]:.{decimals}f}"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
