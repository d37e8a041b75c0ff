"""PyTorch's ONNX exporter with a table of operators that is built once."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

MODULE = "torch.onnx._internal.exporter._registration"


def keep_operator_table() -> None:
    """Let the exporter, if it was imported, build its table of operators once for all exports. Otherwise it
    parses the Python code of 500 functions at each export, which takes longer than exporting a small
    network."""
    registration = sys.modules.get(MODULE)
    if registration is not None:
        _patch(registration.ONNXRegistry)


@cache
def _patch(registry_class: Any) -> None:
    build = cache(registry_class.from_torchlib)

    def copy(*args: Any, **options: Any) -> Any:
        built = build(*args, **options)
        registry = registry_class()
        vars(registry).update(vars(built))
        registry.functions = {name: list(found) for name, found in built.functions.items()}
        return registry

    registry_class.from_torchlib = staticmethod(copy)
