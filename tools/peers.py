"""The peers of ``bench_peers``: bare calls of other tools, as their own documentation shows them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

import posedeploy as pd
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.types import Array, Model, RunOptions

Run: TypeAlias = Callable[[], Sequence[Array]]
"""One inference on the fixed input; returns the outputs in the order of their names in PyTorch."""


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
        runner = opened.enter_context(pd.open_runner(artifact, RunOptions()))
        tensors = {runner.inputs[0].name: self.input}
        info = runner.runtime_info
        names = [output.name for output in artifact.spec.outputs]

        def run() -> list[Array]:
            outputs = runner.run(tensors)
            return [outputs[name] for name in names]

        return Loaded(run, f"{info.runtime} {info.precision}")


def _import(name: str) -> Any:
    """Import an optional package; the table shows which one is missing."""
    return importlib.import_module(name)
