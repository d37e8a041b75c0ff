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
import importlib
import math
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil
import torch

import posedeploy as pd
from posedeploy.benchmarks.inputs import with_fixed_size
from posedeploy.benchmarks.intervals import paired_shift
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.runtimes.run_options import required_precision
from posedeploy.types import Array, Model, RunOptions

Run: TypeAlias = Callable[[], Sequence[Array]]
"""One inference on the fixed input; returns the outputs in the order of their names in PyTorch."""
EAGER = "PyTorch eager"
OURS = (
    ("openvino", "fp32"), ("openvino", "bf16"), ("onnx", "fp32"), ("tflite", "fp32"), ("torchscript", "fp32"),
    ("aoti", "fp32"),
)  # fmt: skip
"""The targets and precisions of posedeploy that need no calibration."""
IR = "human-pose-estimation-0001.xml"


@dataclass(frozen=True)
class Loaded:
    """A loaded peer. note: the precision and other settings that it reports."""

    run: Run
    note: str = ""


Load: TypeAlias = Callable[[], Loaded]


class Peers:
    """The peers of one network. Files are exported once, into ``folder``, and loaded by every call."""

    def __init__(self, model: Model, folder: Path) -> None:
        self.model, self.folder = model, folder
        (spec,) = with_fixed_size(model.spec, None, None, {}).inputs
        self.input = (
            np.random.default_rng(0).standard_normal([int(each) for each in spec.shape]).astype(np.float32)
        )
        self.tensor = torch.from_numpy(self.input)
        self.names = [output.name for output in model.spec.outputs]
        # Each file is made by one call of its tool, and only once.
        self.onnx, self.tflite, self.ir = cache(self._onnx), cache(self._tflite), cache(self._ir)

    def eager(self) -> Loaded:
        """PyTorch as it is."""
        return Loaded(partial(self._torch, self.model.module), f"{torch.get_num_threads()} threads")

    def compiled(self) -> Loaded:
        """``torch.compile`` with its defaults; the first call compiles."""
        run = partial(self._torch, torch.compile(self.model.module))
        run()
        return Loaded(run, "inductor")

    def _torch(self, module: Callable[[torch.Tensor], Sequence[torch.Tensor]]) -> list[Array]:
        with torch.inference_mode():
            return [output.numpy() for output in module(self.tensor)]

    def _onnx(self) -> Path:
        path = self.folder / "peer.onnx"
        torch.onnx.export(
            self.model.module,
            (self.tensor,),
            path,
            dynamo=True,
            verbose=False,
            input_names=["data"],
            output_names=self.names,
        )
        return path

    def onnxruntime(self) -> Loaded:
        """ONNX Runtime on the CPU with its default session options."""
        session = _import("onnxruntime").InferenceSession(self.onnx(), providers=["CPUExecutionProvider"])
        return Loaded(lambda: session.run(self.names, {"data": self.input}), "fp32")

    def _ir(self) -> Any:
        return _import("openvino").convert_model(self.model.module, example_input=self.tensor)

    def openvino(self, precision: str | None, path: Path | None = None) -> Loaded:
        """OpenVINO, compiled for latency; None leaves the precision to its default."""
        openvino = _import("openvino")
        settings = {"PERFORMANCE_HINT": "LATENCY"}
        core = openvino.Core()
        model = core.read_model(path) if path is not None else self.ir()
        if precision is not None:
            settings["INFERENCE_PRECISION_HINT"] = precision
        compiled = core.compile_model(model, "CPU", settings)
        request = compiled.create_infer_request()
        order = self._order(compiled) if path is not None else range(len(self.names))

        def run() -> list[Array]:
            outputs = request.infer([self.input])
            return [outputs[number] for number in order]

        used = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        return Loaded(run, f"precision {used} by default" if precision is None else f"precision {used}")

    def _order(self, compiled: Any) -> list[int]:
        """Return which outputs of a file belong to those of PyTorch, by the number of channels."""
        channels = [output.shape[1] for output in compiled.outputs]
        return [channels.index(output.shape[1]) for output in self.model.spec.outputs]

    def _tflite(self) -> Path:
        path = self.folder / "peer.tflite"
        _import("litert_torch").convert(self.model.module, (self.tensor,)).export(str(path))
        return path

    def litert(self, threads: int | None) -> Loaded:
        """LiteRT's interpreter; None leaves the number of threads to its default."""
        _import("litert_torch")
        interpreter = _import("ai_edge_litert.interpreter").Interpreter(
            str(self.tflite()), num_threads=threads
        )
        interpreter.allocate_tensors()
        (entry,) = interpreter.get_input_details()
        exits = [
            each["index"] for each in sorted(interpreter.get_output_details(), key=lambda each: each["name"])
        ]

        def run() -> list[Array]:
            interpreter.set_tensor(entry["index"], self.input)
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in exits]

        return Loaded(run, "default threads" if threads is None else f"{threads} threads")

    def ours(self, path: Path, opened: ExitStack) -> Loaded:
        """A file that posedeploy exported, in its own runner."""
        artifact = pd.open_artifact(path)
        precision = required_precision(artifact)
        runner = opened.enter_context(pd.open_runner(artifact, RunOptions(precision=precision)))
        tensors = {runner.inputs[0].name: self.input}
        info = runner.runtime_info
        names = [output.name for output in artifact.spec.outputs]
        return Loaded(
            lambda: [runner.run(tensors)[name] for name in names], f"{info.runtime} {info.precision}"
        )


def _import(name: str) -> Any:
    """Import an optional package; the table shows which one is missing."""
    return importlib.import_module(name)


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
