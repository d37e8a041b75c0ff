"""Time posedeploy's exports beside the bare calls of other tools, all in the same randomized rounds.

    python tools/bench_peers.py [--checkpoint FILE --network FILE.py:FUNCTION] [--ours FILE ...]

Each peer is called as its own documentation shows, without any wrapper of posedeploy and with its defaults:
PyTorch eager, ``torch.compile``, ``torch.onnx.export`` with ONNX Runtime, ``openvino.convert_model`` compiled
as ``benchmark_app -hint latency`` does (once with its default precision, once with FP32), and LiteRT. Where
``POSEDEPLOY_REAL`` is the folder of the real test files, its network and Intel's INT8 IR are used, else the
built-in sample. ``--ours`` adds exported files to those that this tool exports.

A repeat loads everything anew. The table has the median of the repeats, with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil

import posedeploy as pd
from posedeploy.benchmarks.intervals import paired_shift
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.types import Array, Model
from tools.peers import Load, Loaded, Peers

EAGER = "PyTorch eager"
OURS = (
    ("openvino", "fp32"), ("openvino", "bf16"), ("onnx", "fp32"), ("tflite", "fp32"), ("torchscript", "fp32"),
    ("aoti", "fp32"),
)  # fmt: skip
"""The targets and precisions of posedeploy that need no calibration."""
IR = "human-pose-estimation-0001.xml"


def export_ours(model: Model, folder: Path) -> Iterator[tuple[str, Path | str]]:
    """Export to every target of ``OURS``; yield the name with the file, or with why there is none."""
    for target, precision in OURS:
        name = f"posedeploy {target} {precision}"
        options = pd.ExportOptions(precision=precision)  # type: ignore[arg-type]
        try:
            (artifact,) = pd.export(model, target, folder, f"ours-{precision}", options)
        except pd.PoseDeployError as error:
            yield name, str(error)
        else:
            yield name, artifact.path


def peers_of(peers: Peers, ours: Sequence[tuple[str, Path | str]], opened: ExitStack, real: Path | None
             ) -> Iterator[tuple[str, Load]]:  # fmt: skip
    """Yield the name of each peer, and how to load it."""
    yield EAGER, peers.eager
    yield "torch.compile", peers.compiled
    yield "torch.onnx.export + ONNX Runtime", peers.onnxruntime
    yield "openvino.convert_model, defaults", partial(peers.openvino, None)
    yield "openvino.convert_model, FP32", partial(peers.openvino, "f32")
    yield "litert_torch.convert + LiteRT, defaults", partial(peers.litert, None)
    yield "litert_torch.convert + LiteRT, all cores", partial(peers.litert, psutil.cpu_count(logical=False))
    if real is not None:
        yield "Intel's INT8 IR, defaults", partial(peers.openvino, None, real / IR)
    for name, path in ours:
        yield name, partial(peers.ours, path, opened) if isinstance(path, Path) else partial(_refuse, path)


def _refuse(reason: str) -> Loaded:
    raise RuntimeError(reason)


@dataclass(frozen=True)
class Row:
    """A peer in one repeat: times in seconds, and the largest difference of its outputs from PyTorch."""

    times: tuple[float, ...]
    difference: float
    note: str


def measure(loads: Sequence[tuple[str, Load]], runs: int, seed: int) -> dict[str, Row | str]:
    """Load every peer, time single runs in random order, and return the rows, or why there is none."""
    loaded: dict[str, Loaded] = {}
    rows: dict[str, Row | str] = {}
    for name, load in loads:
        try:
            with redirect_stdout(sys.stderr):  # the progress of converters
                loaded[name] = load()
                loaded[name].run()
        except Exception as error:  # any failure of another tool is a row of the table
            rows[name] = (
                f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"[:160]
            )
            loaded.pop(name, None)
    reference = [np.array(output) for output in loaded[EAGER].run()]
    times: dict[str, list[float]] = {name: [] for name in loaded}
    order, shuffle = list(loaded), random.Random(seed).shuffle
    for _ in range(runs):
        shuffle(order)
        for name in order:
            run = loaded[name].run
            run()  # its threads and caches, after those of another peer
            start = perf_counter()
            run()
            times[name].append(perf_counter() - start)
    for name, each in loaded.items():
        rows[name] = Row(tuple(times[name]), _difference(each.run(), reference), each.note)
    return rows


def _difference(outputs: Sequence[Array], reference: Sequence[Array]) -> float:
    """Return the largest difference of any output, relative to its largest value."""
    if [each.shape for each in outputs] != [each.shape for each in reference]:
        return math.nan
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in zip(outputs, reference, strict=True))


def table(repeats: Sequence[dict[str, Row | str]], names: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the table in Markdown."""
    yield "| peer | median ms | speedup | largest difference | reports |"
    yield "|---|---|---|---|---|"
    for name in names:
        measured = [(row, repeat[EAGER]) for repeat in repeats if isinstance(row := repeat[name], Row)]
        if not measured:
            reason = str(repeats[0][name]).replace("|", "/")
            yield f"| {name} | | | | not measured: {reason} |"
            continue
        medians = [1e3 * median(row.times) for row, _ in measured]
        ratios = [_ratio(row, eager) for row, eager in measured if isinstance(eager, Row)]
        row = measured[0][0]
        cells = (_spread(medians, ".1f"), _spread(ratios, ".2f"), f"{row.difference:.1e}", row.note)
        yield f"| {name} | " + " | ".join(cells) + " |"


def _ratio(row: Row, eager: Row) -> float:
    """Return the speed relative to PyTorch in the same rounds."""
    return math.exp(paired_shift(np.log(eager.times) - np.log(row.times)).value)


def _spread(values: Sequence[float], form: str) -> str:
    middle, low, high = (format(each, form) for each in (median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})" if len(values) > 1 else middle


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--network", help="FILE.py:FUNCTION of the checkpoint's network")
    parser.add_argument(
        "--ours", type=Path, nargs="*", default=[], help="more files that posedeploy exported"
    )
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    real = Path(os.environ["POSEDEPLOY_REAL"]) if "POSEDEPLOY_REAL" in os.environ else None
    checkpoint, network = arguments.checkpoint, arguments.network
    if checkpoint is None and real is not None:
        checkpoint = real / IR.replace(".xml", ".pth")
        example = Path(__file__).resolve().parents[1] / "examples" / "human_pose_estimation_0001.py"
        network = f"{example}:build"
    model = pd.load_sample() if checkpoint is None else pd.load_checkpoint(checkpoint, network=network)
    real = real if checkpoint is not None and checkpoint.stem == Path(IR).stem else None
    repeats = []
    with tempfile.TemporaryDirectory() as folder:
        peers = Peers(model, Path(folder))
        with redirect_stdout(sys.stderr):
            exported = [*export_ours(model, Path(folder))]
        ours = [
            *exported,
            *((f"posedeploy {path.name}", path) for path in arguments.ours),
        ]
        for number in range(arguments.repeats):
            with ExitStack() as opened:
                loads = [*peers_of(peers, ours, opened, real)]
                repeats.append(measure(loads, arguments.runs, number))
            load = psutil.getloadavg()[0]
            print(f"repeat {number + 1} of {arguments.repeats}, load average {load:.1f}", file=sys.stderr)
    print("\n".join(table(repeats, [name for name, _ in loads])))
    print(f"\n{date.today()}, {describe_machine()}; {arguments.repeats} repeats of {arguments.runs} runs")


if __name__ == "__main__":
    main()
