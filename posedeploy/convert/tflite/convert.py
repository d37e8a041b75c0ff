"""A network becomes TFLite, by the route asked for; the file is then checked and told what it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from posedeploy import plugins
from posedeploy.convert.export_options import Route
from posedeploy.convert.prepare import Prepared
from posedeploy.errors import ExportError
from posedeploy.suppress_output import quiet

ROUTES: dict[Route, tuple[str, tuple[str, ...]]] = {
    "litert-torch": (
        "posedeploy.convert.tflite.litert_torch:convert",
        ("torch", "litert_torch", "ai_edge_litert"),
    ),
    "onnx2tf": (
        "posedeploy.convert.tflite.onnx2tf:convert",
        ("torch", "onnx", "onnxscript", "ai_edge_litert"),
    ),
}
"""What converts, by the name of the route, and the packages that it needs here. Each writes the file and
returns ``inputs`` and ``outputs``, what the file's signature calls each tensor of the spec, and
``channels_last``, those of them that lie so in the file and not in the spec; whatever else it returns is
recorded too."""


def convert(prepared: Prepared, path: Path) -> dict[str, Any]:
    """Write ``path`` (.tflite), its tensors named as in the spec; how it was made, by which ``packages``, and
    what the runtime must know of it: the tensors whose channels come last in it and not in the spec.

    Raises:
        ExportError: the network holds something that TFLite or LiteRT's interpreter cannot express, or has
            nothing whose channels could come last.
        MissingPackageError: the route's package is not installed.
    """
    options = prepared.options.tflite
    if options.layout == "nhwc" and not images(prepared):
        tensors = ", ".join(map(str, (*prepared.spec.inputs, *prepared.spec.outputs)))
        raise ExportError(
            f"`layout=nhwc`: this network has no tensor with its channels first ({tensors}); leave it out"
        )
    converter, packages = ROUTES[options.via]
    with quiet():  # what the packages print as they are loaded is for their authors
        route: Callable[[Prepared, Path], Mapping[str, Any]] = plugins.load(converter)
        finish = plugins.load("posedeploy.convert.tflite.metadata:finish")
    # JAX, which litert-torch brings, warns of every fork from now on, such as that of OpenVINO's telemetry.
    warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
    about: Mapping[str, Any] = route(prepared, path)
    with quiet():
        finish(path, prepared, about)
    kept = {name: value for name, value in about.items() if name not in ("inputs", "outputs")}
    return {"via": options.via, "layout": options.layout, "packages": packages, **kept}


def images(prepared: Prepared) -> list[str]:
    """The names of the tensors whose channels come first in the spec."""
    spec = prepared.spec
    return [tensor.name for tensor in (*spec.inputs, *spec.outputs) if tensor.layout == "NCHW"]
