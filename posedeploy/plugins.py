"""The one place that imports what a table names as ``module:name``."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from posedeploy.errors import MissingPackageError

EXTRA_OF_PACKAGE = {
    "torch": "torch",
    "safetensors": "torch",
    "onnx": "export",
    "onnxscript": "export",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "pygame": "window",
}
"""The extra of pyproject.toml that installs each optional package, by its import name."""


def load(reference: str) -> Any:
    """The object that ``module:name`` names.

    Raises:
        MissingPackageError: an optional package that the module needs is not installed.
    """
    module, _, name = reference.partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        refusal = missing_package(error)
        if refusal is error:
            raise
        raise refusal from error


def missing_package(error: ModuleNotFoundError) -> Exception:
    """The user's error for a missing optional package; for any other module, a bug, the error as it is."""
    package = (error.name or "").partition(".")[0]
    extra = EXTRA_OF_PACKAGE.get(package)
    if extra is None:
        return error
    return MissingPackageError(
        f"this needs the package {package}, which is not installed; install it with: "
        f"pip install 'posedeploy[{extra}]'"
    )
