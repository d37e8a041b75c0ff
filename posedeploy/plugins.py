"""Import the modules and objects that tables name, and report missing optional packages."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from types import ModuleType
from typing import Any

from posedeploy.errors import MissingPackageError

EXTRAS_OF_PACKAGE = {
    "torch": ("torch",),
    "safetensors": ("torch", "reference"),
    "onnx": ("export",),
    "onnxscript": ("export",),
    "onnxruntime": ("onnxruntime",),
    "openvino": ("openvino",),
    "transformers": ("transformers",),
    "huggingface_hub": ("transformers",),
    "nncf": ("quantize",),
    "litert_torch": ("tflite",),
    "ai_edge_litert": ("litert",),
    "ai_edge_quantizer": ("tflite",),
    "av": ("video",),
    "pillow_heif": ("heif",),
    "pycocotools": ("evaluate",),
    "jinja2": ("report",),
    "pygame": ("window",),
    "trimesh": ("mesh",),
    "scipy": ("matlab",),
    "ray": ("ray",),
    "pyarrow": ("ray",),
    "fsspec": ("ray",),
    "tensorrt": ("tensorrt",),
    "tensorrt_rtx": ("tensorrt-rtx",),
    "tritonclient": ("server",),
    "urllib3": ("server",),
    "grpc": ("server",),
    "cuda": ("tensorrt-rtx", "tensorrt", "onnxruntime-gpu"),
    "pynvml": ("onnxruntime-gpu", "tensorrt", "tensorrt-rtx"),
}
"""The extras of pyproject.toml that install each optional package, by its import name; the first is the
default."""
DISTRIBUTION_OF_PACKAGE = {"cuda": "cuda-bindings", "pynvml": "nvidia-ml-py"}
"""The distribution of a package, if several distributions share its name."""
INCLUDED_EXTRAS = {"export": {"torch"}, "tflite": {"litert", "torch"}, "transformers": {"torch"}}
"""The extras that another extra includes."""


def load(reference: str, extra: object = None) -> Any:
    """Return the object of a reference ``module:name``.

    Args:
        extra: the extra of the object, if known.

    Raises:
        MissingPackageError: an optional package that the module needs is not installed.
    """
    name, _, attribute = reference.partition(":")
    return getattr(module(name, extra), attribute)


def module(name: str, extra: object = None) -> ModuleType:
    """Return the module of this name.

    Raises:
        MissingPackageError: an optional package that it needs is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = missing_package(error, extra)
        if missing is error:
            raise
        raise missing from error


def missing_package(error: ModuleNotFoundError, extra: object = None) -> Exception:
    """Return the error for a missing optional package; for any other module, return ``error`` itself."""
    name = error.name or ""
    package = name.partition(".")[0]
    extras = EXTRAS_OF_PACKAGE.get(package)
    if extras is None:
        return error
    if name != package and sys.modules.get(package) and package not in DISTRIBUTION_OF_PACKAGE:
        distribution = packages_distributions().get(package, [package])[0]
        return MissingPackageError(
            f"this needs the module {name}, which the installed package {package} does not contain",
            f"pip install --upgrade --force-reinstall {distribution}",
        )
    named = extra if extra in extras else extras[0]
    return MissingPackageError(
        f"this needs the package {package}, which is not installed",
        f"pip install 'posedeploy[{named}]'",
    )


def version_of(package: str) -> str | None:
    """Return the version of a package by its import name; None if it is not installed. Imports nothing."""
    known = DISTRIBUTION_OF_PACKAGE.get(package)
    try:
        return version(known or package)
    except PackageNotFoundError:
        for distribution in packages_distributions().get(package, ()) if known is None else ():
            return version(distribution)
    loaded: str | None = getattr(sys.modules.get(package), "__version__", None)
    return loaded
