"""The one place that imports what a table names, a module or ``module:name``, and asks for versions."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from types import ModuleType
from typing import Any

from posedeploy.errors import MissingPackageError

EXTRAS_OF_PACKAGE = {
    "torch": ("torch",),
    "safetensors": ("torch",),
    "onnx": ("export",),
    "onnxscript": ("export",),
    "onnxruntime": ("onnxruntime",),
    "openvino": ("openvino",),
    "litert_torch": ("tflite",),
    "ai_edge_litert": ("litert",),
    "av": ("video",),
    "pillow_heif": ("heif",),
    "pycocotools": ("evaluate",),
    "pygame": ("window",),
    "trimesh": ("mesh",),
    "scipy": ("matlab",),
    "tensorrt": ("tensorrt",),
    "tensorrt_rtx": ("tensorrt-rtx",),
    "cuda": ("tensorrt-rtx", "tensorrt", "onnxruntime-gpu"),
}
"""The extras of pyproject.toml that install each optional package, by its import name; the first is named
where none of the others was asked for."""
DISTRIBUTION_OF_PACKAGE = {"cuda": "cuda-bindings"}
"""The distribution that a package is meant from, where several share its name."""
WITHIN = {"export": {"torch"}, "tflite": {"litert", "torch"}}
"""The extras that another one brings along."""


def load(reference: str, asked: object = None) -> Any:
    """The object that ``module:name`` names.

    Args:
        asked: the extra that what was asked for is of, where that is known.

    Raises:
        MissingPackageError: an optional package that the module needs is not installed.
    """
    name, _, attribute = reference.partition(":")
    return getattr(module(name, asked), attribute)


def module(name: str, asked: object = None) -> ModuleType:
    """The module of this name.

    Raises:
        MissingPackageError: an optional package that it needs is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        refusal = missing_package(error, asked)
        if refusal is error:
            raise
        raise refusal from error


def missing_package(error: ModuleNotFoundError, asked: object = None) -> Exception:
    """The user's error for a missing optional package; for any other module, a bug, the error as it is."""
    package = (error.name or "").partition(".")[0]
    extras = EXTRAS_OF_PACKAGE.get(package)
    if extras is None:
        return error
    extra = asked if asked in extras else extras[0]
    return MissingPackageError(
        f"this needs the package {package}, which is not installed",
        f"pip install 'posedeploy[{extra}]'",
    )


def version_of(package: str) -> str | None:
    """The version of a package by its import name, whatever distribution brought it; None where it is not
    installed. Imports nothing."""
    meant = DISTRIBUTION_OF_PACKAGE.get(package)
    try:
        return version(meant or package)
    except PackageNotFoundError:
        for distribution in packages_distributions().get(package, ()) if meant is None else ():
            return version(distribution)
    loaded: str | None = getattr(sys.modules.get(package), "__version__", None)
    return loaded
