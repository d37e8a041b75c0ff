"""Measure the overhead of posedeploy over direct vendor calls: the help, ``Runner.run``, and an export.

    python tools/bench_costs.py help | run | export       one measurement
    python tools/bench_costs.py                           all

Each measurement alternates posedeploy and the direct call and prints the ratio. It asserts nothing.
``export`` reads the peak memory from ``/proc``, so it runs on Linux only.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.benchmarks.inputs import build_noise_input
from posedeploy.checkpoints.probe_network import probe
from posedeploy.checkpoints.sample import open_sample
from posedeploy.convert.export import export
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Artifact, RunOptions, Tensors
from tools.command_line import run_tool

FORBIDDEN = ("torch", "onnx", "onnxruntime", "openvino", "litert_torch", "ai_edge_litert", "cv2")


def measure_help() -> None:
    """Print the time of ``posedeploy --help``, the time of an empty Python, and the imported packages."""
    ours = [sys.executable, "-m", "posedeploy", "--help"]
    times = interleaved(
        {"help": lambda: quiet(ours), "python": lambda: quiet([sys.executable, "-c", ""])}, 15
    )
    check = "import sys, runpy; sys.argv = ['posedeploy', '--help']\ntry: runpy.run_module('posedeploy')\n"
    check += f"except SystemExit: print([m for m in {FORBIDDEN} if m in sys.modules], file=sys.stderr)"
    loaded = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    ).stderr.strip()
    print(
        f"--help: {spread(times['help'])} s (an empty Python {spread(times['python'])} s), goal: under 0.3 s"
    )
    print(f"of {', '.join(FORBIDDEN)}, --help loads: {loaded}")


def quiet(command: list[str]) -> None:
    """Run a command and discard its output."""
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def interleaved(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the times of each call in seconds. The calls take turns, in alternating order."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds):
        for name in list(calls)[:: 1 if turn % 2 else -1]:
            start = perf_counter()
            calls[name]()
            times[name].append(perf_counter() - start)
    return times


def spread(times: list[float], scale: float = 1.0) -> str:
    """Return the median and the quartiles as text."""
    low, middle, high = statistics.quantiles(times, n=4)
    return f"{middle * scale:.4g} [{low * scale:.4g} to {high * scale:.4g}]"


def measure_run() -> None:
    """Print the times of ``Runner.run`` and of the vendor calls, on the 2D network and on one convolution."""
    with tempfile.TemporaryDirectory() as folder:
        for model, name, rounds in (
            (open_sample(), "lightweight-openpose-2d", 200),
            (probe(8), "one convolution", 5000),
        ):
            artifacts = export(
                model, ["onnx", "openvino", "torchscript", "tflite"], Path(folder), name.replace(" ", "-")
            )
            for artifact in artifacts:
                times = interleaved(dict(zip(("ours", "bare"), _pair(artifact), strict=True)), rounds)
                differences = [a - b for a, b in zip(times["ours"], times["bare"], strict=True)]
                ratio = statistics.median(times["ours"]) / statistics.median(times["bare"])
                print(
                    f"run, {name}, {artifact.target}: ours {spread(times['ours'], 1e3)} ms, bare "
                    f"{spread(times['bare'], 1e3)} ms, ratio {ratio:.4f}, "
                    f"{statistics.median(differences) * 1e6:+.1f} us"
                )


def _pair(artifact: Artifact) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return the posedeploy and the vendor call on the same loaded model, so that they share threads."""
    runner = open_runner(artifact, RunOptions())
    feed = build_noise_input(artifact.spec).tensors
    return lambda: runner.run(feed), BARE[artifact.target](runner, feed)


def _bare_onnx(runner: Any, feed: Tensors) -> Callable[[], object]:
    return lambda: runner._session.run(None, feed)


def _bare_openvino(runner: Any, feed: Tensors) -> Callable[[], object]:
    return lambda: runner._request.infer(feed, share_inputs=True)


def _bare_torchscript(runner: Any, feed: Tensors) -> Callable[[], object]:
    program = torch.jit.load(str(runner._path), map_location="cpu")  # type: ignore[no-untyped-call]

    def call() -> object:
        with torch.inference_mode():
            return program(*map(torch.from_numpy, feed.values()))

    return call


def _bare_litert(runner: Any, feed: Tensors) -> Callable[[], object]:
    interpreter = runner._interpreter
    entries = [(details["index"], feed[details["name"]]) for details in interpreter.get_input_details()]
    exits = [details["index"] for details in interpreter.get_output_details()]

    def call() -> object:
        for index, array in entries:
            interpreter.set_tensor(index, array)
        interpreter.invoke()
        return [interpreter.get_tensor(index) for index in exits]

    return call


BARE = {
    "onnx": _bare_onnx,
    "openvino": _bare_openvino,
    "torchscript": _bare_torchscript,
    "tflite": _bare_litert,
}


EXPORTS = {
    "ours": """
import posedeploy
posedeploy.export(posedeploy.load_checkpoint(CHECKPOINT), ["openvino"], FOLDER, "ours")
""",
    "bare": """
import logging, torch, openvino
from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d
logging.getLogger("torch.onnx").setLevel(logging.ERROR)
network = LightweightOpenPose2d().eval()
network.load_state_dict(torch.load(CHECKPOINT, map_location="cpu", weights_only=True)["state_dict"])
torch.onnx.export(network, (torch.zeros(1, 3, 256, 456),), FOLDER / "bare.onnx", dynamo=True, verbose=False,
                  input_names=["data"], output_names=["a", "b", "c", "d"])
openvino.save_model(openvino.convert_model(FOLDER / "bare.onnx"), FOLDER / "bare.xml", compress_to_fp16=False)
""",
}
"""The same export, each in a new process: imports, reading the checkpoint, converting and saving."""


def measure_export() -> None:
    """Print time and peak memory of ``export --to openvino`` and of the direct calls, in separate
    processes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        torch.save({"state_dict": open_sample().module.state_dict()}, folder / "sample.pth")
        results: dict[str, list[tuple[float, float]]] = {which: [] for which in EXPORTS}
        for turn in range(5):
            for which in list(EXPORTS)[:: 1 if turn % 2 else -1]:
                results[which].append(_export(which, folder))
        for index, (what, unit) in enumerate((("time", "s"), ("peak memory", "MB"))):
            columns = {which: [row[index] for row in rows] for which, rows in results.items()}
            ratio = statistics.median(columns["ours"]) / statistics.median(columns["bare"])
            print(
                f"export to openvino, {what}: ours {spread(columns['ours'])} {unit}, "
                f"bare {spread(columns['bare'])} {unit}, ratio {ratio:.3f}"
            )


def _export(which: str, folder: Path) -> tuple[float, float]:
    """Return the seconds from the first import to the saved file, and the peak resident memory in MB."""
    program = (
        "import re, time; from pathlib import Path; start = time.perf_counter()\n"
        f"FOLDER = Path({str(folder)!r}); CHECKPOINT = FOLDER / 'sample.pth'\n{EXPORTS[which]}\n"
        # Not ru_maxrss, which a child process inherits from its parent.
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())\n"
        "print('RESULT', time.perf_counter() - start, int(peak[1]) / 1e3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    seconds, megabytes = done.stdout.rpartition("RESULT")[2].split()
    return float(seconds), float(megabytes)


MEASUREMENTS = {"help": measure_help, "run": measure_run, "export": measure_export}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measurements", nargs="*", metavar="|".join(MEASUREMENTS), help="all if not given")
    names = parser.parse_args().measurements
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        parser.error(f"{', '.join(unknown)}: unknown measurement; expected {', '.join(MEASUREMENTS)}")
    for name in names or MEASUREMENTS:
        MEASUREMENTS[name]()


if __name__ == "__main__":
    run_tool(main)
