"""Compile a network with torch.export and AOTInductor to a package of machine code and weights.

The package needs the same PyTorch, and the device and the kind of processor that it was compiled for.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._inductor import aoti_compile_and_package, cpu_vec_isa
from torch._inductor.exc import CppCompileError, InductorError
from torch._subclasses.fake_tensor import UnsupportedOperatorException
from torch.export import Dim, ExportedProgram
from torch.fx import Node
from torch.utils import cpp_extension

from posedeploy import native_code
from posedeploy.aoti_package.build import to_details
from posedeploy.aoti_package.compilers import Compiler
from posedeploy.convert.aoti_check import check_package
from posedeploy.convert.aoti_requirements import check_device, check_paths, check_toolkit, find_compiler
from posedeploy.convert.conversion import Conversion
from posedeploy.convert.prepare import Prepared
from posedeploy.convert.unsupported_operators import failed_operator, locate_operator, running_module
from posedeploy.errors import ExportError, first_line
from posedeploy.layer_counts import TORCH_LAYERS, count, torch_precision
from posedeploy.suppress_output import suppress_python_output
from posedeploy.types import LAYERS

SETTINGS: Mapping[str, Any] = {"cpp.dynamic_threads": True}
"""Without it, the thread count of the compiling machine is a constant in the code."""

GPU_SETTINGS: Mapping[str, Any] = {"cpp.vec_isa_ok": False}
"""The processor only launches kernels. torch would compile and run a test program for each of its sets of
vector instructions, which takes most of a minute on some machines."""

CONTEXT_LINES = ("collect2:", "In file included", "                 from", "clang: error: linker")
"""The first words of compiler lines that only introduce or summarize an error."""


def convert(prepared: Prepared, path: Path) -> Conversion:
    """Write ``path`` (.pt2), for ``options.aoti.device``. The manifest records the tensor names.

    Returns:
        ``native_code.BuildRequirements``, the layers by class and precision, and the package's
        ``PackageBuild``, as details.

    Raises:
        ExportError: the network cannot be exported or compiled, there is no C++ compiler, or the package does
            not run or its outputs differ from PyTorch's.
        DeviceError: this machine does not have the device.
        MissingPackageError: this PyTorch cannot list the processor's features, or there is no CUDA toolkit.
        OSError: the compiler could not write a file.
    """
    device = prepared.options.aoti.device
    check_device(device)
    compiler = find_compiler()
    if device == "cuda":
        check_toolkit(cpp_extension.CUDA_HOME)
    requirements = native_code.requirement_details(device)
    module = _copy_to_device(prepared.in_precision, device)
    try:
        check_paths()
        with suppress_python_output():
            program = _export(module, prepared, device)
            with _instruction_sets(device):
                aoti_compile_and_package(
                    program, package_path=str(path), inductor_configs=_settings(compiler, device)
                )
    except OSError as error:
        raise _write_error(error, path) from error
    except (torch._dynamo.exc.TorchDynamoException, InductorError, RuntimeError, ValueError) as error:
        inner = getattr(error, "inner_exception", None)
        if isinstance(inner, OSError):  # the compiler's own files, not the network
            raise _write_error(inner, path) from error
        if isinstance(inner or error, CppCompileError):
            raise ExportError(_compile_error(str(error), compiler)) from error
        raise ExportError(
            f"AOTInductor cannot compile this network: {_explain(error, module, prepared)}"
        ) from error
    layers = {kind: dict(numbers) for kind, numbers in _count_layers(program).items()}
    details = {**requirements, LAYERS: layers, **to_details(check_package(path, prepared, device, compiler))}
    return Conversion(precision=prepared.options.precision, details=details)


def _explain(error: Exception, module: nn.Module, prepared: Prepared) -> str:
    """Return the cause, with the operator and the module if the error names them."""
    cause = first_line(error)
    if isinstance(error, UnsupportedOperatorException):
        cause = "it has no fake implementation; add one with torch.library.register_fake"
    operator, place = failed_operator(error), running_module(error, module)
    if operator is None:
        return cause if place is None else f"in {place}: {cause}"
    named = locate_operator(operator, prepared) if place is None else f"{operator} in {place}"
    return f"it fails at the operator {named} ({cause})"


def _compile_error(message: str, compiler: Compiler | None) -> str:
    """Return the message for a failed C++ compiler: its first error, without the command line before it."""
    output = message.partition("Output:")[2].strip() or message
    lines = [line.strip() for line in output.splitlines() if not line.startswith(CONTEXT_LINES)] or [output]
    fault = next((line for line in lines if "error" in line.lower()), lines[0])
    return (
        f"AOTInductor cannot compile this network with {compiler or 'the C++ compiler'}: {fault}; install "
        "the missing files, or set the environment variable CXX to another compiler"
    )


def _write_error(error: OSError, path: Path) -> Exception:
    """Return the error for a file that could not be written, with a hint for files of the compiler."""
    named = error.filename
    if isinstance(error, FileNotFoundError) and named is not None and Path(str(named)).name == str(named):
        return ExportError(f"AOTInductor needs the program {named}, which is not on the PATH; install it")
    if named is None or path.parent.absolute() in Path(str(named)).absolute().parents:
        return error
    return ExportError(
        f"AOTInductor cannot write its own files ({error.strerror}: {named}); set the environment "
        "variables TORCHINDUCTOR_CACHE_DIR and TMPDIR to another folder"
    )


def _copy_to_device(module: nn.Module, device: str) -> nn.Module:
    """Return the network on the device: a copy, since torch.export keeps references to the weights."""
    return module if device == "cpu" else copy.deepcopy(module).to(device)


def _export(module: nn.Module, prepared: Prepared, device: str) -> ExportedProgram:
    axes = tuple({position: Dim.DYNAMIC for position in axes} for axes in prepared.axes)
    with torch.no_grad():
        return torch.export.export(
            module,
            tuple(example.to(device) for example in prepared.example),
            dynamic_shapes=(axes,) if axes else None,
        )


def _count_layers(program: ExportedProgram) -> dict[str, Counter[str]]:
    """Return the precisions of the layers with stored weights, by class of layers."""
    inputs = set(program.graph_signature.user_inputs)
    stored: set[Node] = set()
    layers: list[tuple[str, str]] = []
    for node in program.graph.nodes:
        sources = node.all_input_nodes
        is_stored = stored.issuperset(sources) if sources else node.name not in inputs
        if is_stored:
            stored.add(node)
        kind = TORCH_LAYERS.get(str(node.target).removeprefix("aten.").partition(".")[0])
        if node.op != "call_function" or kind is None:
            continue
        values = [each.meta.get("val") for each in sources if each in stored]
        weights = [value for value in values if isinstance(value, Tensor) and value.dim() > 1]
        if weights:
            layers.append((kind, torch_precision(weights[0].dtype)))
    return count(layers)


@contextmanager
def _instruction_sets(device: str) -> Iterator[None]:
    """Clear torch's cached choice of vector instructions before and after an export with ``GPU_SETTINGS``."""
    if device == "cpu":
        yield
        return
    cpu_vec_isa.valid_vec_isa_list.cache_clear()
    try:
        yield
    finally:
        cpu_vec_isa.valid_vec_isa_list.cache_clear()


def _settings(compiler: Compiler | None, device: str) -> dict[str, Any]:
    return {
        **SETTINGS,
        **(GPU_SETTINGS if device == "cuda" else {}),
        **({"cpp.cxx": (compiler.command,)} if compiler is not None else {}),
    }
