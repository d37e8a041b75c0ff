"""A network becomes machine code: torch.export, then AOTInductor, packed with its weights.

The package runs wherever the same PyTorch does, on the device and the kind of processor that it was made for.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch._inductor import aoti_compile_and_package
from torch._inductor.exc import CppCompileError, InductorError
from torch._subclasses.fake_tensor import UnsupportedOperatorException
from torch.export import Dim, ExportedProgram
from torch.utils import cpp_extension

from posedeploy import native_code
from posedeploy.aoti_package.build import to_details
from posedeploy.aoti_package.compilers import Compiler
from posedeploy.convert.aoti_check import check_package
from posedeploy.convert.aoti_requirements import check_device, check_paths, check_toolkit, find_compiler
from posedeploy.convert.prepare import Prepared
from posedeploy.convert.unsupported_operators import blamed, located, running
from posedeploy.errors import ExportError, first_line
from posedeploy.suppress_output import unsaid

SETTINGS: Mapping[str, Any] = {"cpp.dynamic_threads": True}
"""Otherwise the thread count of the machine that compiles is a constant of the code."""

SUMMARIES = ("collect2:", "In file included", "                 from", "clang: error: linker")
"""How lines of a compiler begin that only lead to an error or sum it up."""


def convert(prepared: Prepared, path: Path) -> Mapping[str, Any]:
    """Write ``path`` (.pt2), for ``options.aoti.device``. It has no tensor names: the manifest keeps them.

    Returns:
        ``native_code.BuildRequirements`` and the package's ``Build``, as the manifest has them.

    Raises:
        ExportError: the network cannot be exported or compiled, there is no C++ compiler, or the package does
            not run or computes something else than PyTorch.
        DeviceError: it is to be compiled for a device that is not here.
        MissingPackageError: this PyTorch cannot tell what the code will need, or there is no CUDA toolkit.
        OSError: a file of the compiler's could not be written.
    """
    device = prepared.options.aoti.device
    check_device(device)
    compiler = find_compiler()
    if device == "cuda":
        check_toolkit(cpp_extension.CUDA_HOME)
    needs = native_code.requirement_details(device)
    module = _there(prepared.in_precision, device)
    try:
        check_paths()
        with unsaid():
            program = _exported(module, prepared, device)
            aoti_compile_and_package(program, package_path=str(path), inductor_configs=_settings(compiler))
    except OSError as error:
        raise _unwritable(error, path) from error
    except (torch._dynamo.exc.TorchDynamoException, InductorError, RuntimeError, ValueError) as error:
        inner = getattr(error, "inner_exception", None)
        if isinstance(inner, OSError):  # its own files could not be written, which is no fault of the network
            raise _unwritable(inner, path) from error
        if isinstance(inner or error, CppCompileError):
            raise ExportError(_not_compiled(str(error), compiler)) from error
        raise ExportError(
            f"AOTInductor cannot take this network: {_told(error, module, prepared)}"
        ) from error
    return {**needs, **to_details(check_package(path, prepared, device, compiler))}


def _told(error: Exception, module: nn.Module, prepared: Prepared) -> str:
    """Why, and, as far as the error tells, which operator it is and where in the network."""
    unknown = isinstance(error, UnsupportedOperatorException)
    why = (
        "it has no fake implementation; torch.library.register_fake gives it one"
        if unknown
        else first_line(error)
    )
    operator, place = blamed(error), running(error, module)
    if operator is None:
        return why if place is None else f"in {place}: {why}"
    named = located(operator, prepared) if place is None else f"{operator} in {place}"
    return f"it fails at the operator {named} ({why})"


def _not_compiled(message: str, compiler: Compiler | None) -> str:
    """What to report of a C++ compiler that fails at the code of a network: its first error, not the pages of
    command line before it."""
    output = message.partition("Output:")[2].strip() or message
    lines = [line.strip() for line in output.splitlines() if not line.startswith(SUMMARIES)] or [output]
    fault = next((line for line in lines if "error" in line.lower()), lines[0])
    return (
        f"AOTInductor cannot compile this network with {compiler or 'the C++ compiler'}: {fault}; install "
        "what it lacks, or name another compiler in the environment variable CXX"
    )


def _unwritable(error: OSError, path: Path) -> Exception:
    """What is told of a file that could not be written: where it is one of the compiler's, which folder that
    is; else the error as it is."""
    named = error.filename
    if isinstance(error, FileNotFoundError) and named is not None and Path(str(named)).name == str(named):
        return ExportError(f"AOTInductor needs the program {named}, which is not on the PATH; install it")
    if named is None or path.parent.absolute() in Path(str(named)).absolute().parents:
        return error
    return ExportError(
        f"AOTInductor cannot write its own files ({error.strerror}: {named}); name another folder in the "
        "environment variables TORCHINDUCTOR_CACHE_DIR and TMPDIR"
    )


def _there(module: nn.Module, device: str) -> nn.Module:
    """The network on the device. What is exported keeps the module's own weights: moving them back would move
    them under the compiler."""
    return module if device == "cpu" else copy.deepcopy(module).to(device)


def _exported(module: nn.Module, prepared: Prepared, device: str) -> ExportedProgram:
    axes = tuple({position: Dim.DYNAMIC for position in axes} for axes in prepared.axes)
    with torch.no_grad():
        return torch.export.export(
            module,
            tuple(example.to(device) for example in prepared.example),
            dynamic_shapes=(axes,) if axes else None,
        )


def _settings(compiler: Compiler | None) -> dict[str, Any]:
    return {**SETTINGS, **({"cpp.cxx": (compiler.command,)} if compiler is not None else {})}
