"""Load the user's own network: a Python function builds it and returns its spec, or a TOML file holds the
spec."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from posedeploy import contracts
from posedeploy.checkpoints.loading import find_mismatches, load_weights, shapes_of
from posedeploy.checkpoints.output_shapes import measure_outputs, name_data_dependent_axes
from posedeploy.checkpoints.reader import open_weights
from posedeploy.errors import NetworkError, PoseDeployError
from posedeploy.families import has_decoding
from posedeploy.keypoint_descriptions import check_described
from posedeploy.output_roles import check_all_roles
from posedeploy.printable import listed
from posedeploy.quantization import check_quantization
from posedeploy.types import Model, ModelSpec


def open_user_network(path: Path, network: str, weights: str | None = None) -> Model:
    """Load a checkpoint into the user's own network. This RUNS the Python file, so the user must pass it.

    Args:
        path: the checkpoint, read as safely and loaded as strictly as any other.
        network: ``FILE.py:FUNCTION``. The function takes no arguments and returns an ``nn.Module`` and its
            ``ModelSpec``, or the module alone, whose contract is then read from ``FILE.toml``.
        weights: the ``Weights.key`` of a set of weights, for a file that holds several.

    Raises:
        NetworkError: the file or function is missing, needs arguments, raises an exception (``__cause__``) or
            returns something else, or the network does not fit its spec.
        CheckpointError: the checkpoint cannot be read or does not fit the network exactly.
    """
    file, colon, function = network.rpartition(":")
    if not colon or not file.endswith(".py") or not function.isidentifier():
        raise NetworkError(f"`network={network}`: expected FILE.py:FUNCTION, such as my_net.py:build")
    source = Path(file)
    if not source.is_file():
        raise NetworkError(f"`network={network}`: there is no file {source}")
    with open_weights(path) as contents:
        with _on_import_path(source):
            result, network_sha256 = _call(source, function)
            module, spec, where = _network_and_spec(network, result, source.with_suffix(".toml"))
        _check_names(network, spec)
        expected = shapes_of(module)
        checkpoint = contents.choose(weights, lambda actual: sum(map(len, find_mismatches(expected, actual))))
    load_weights(module, checkpoint, f"{source} must build a network with exactly the checkpoint's tensors")
    measured = name_data_dependent_axes(module, spec, measure_outputs(module, spec, where))
    spec = check_described(measured, where)
    if has_decoding(spec.family):
        check_all_roles(spec, where)
    for tensor in (*spec.inputs, *spec.outputs):
        check_quantization(tensor, where)
    return Model(
        module,
        spec,
        path,
        checkpoint.sha256,
        network,
        network_sha256,
        weights=checkpoint.weights,
        checkpoint_tensors=checkpoint.tensor_specs,
    )


def _call(source: Path, function: str) -> tuple[Any, str]:
    """Return the result of a function in a file, and the SHA-256 of the code that ran."""
    try:
        user_module, network_sha256 = _run(source)
        build = getattr(user_module, function, None)
        if build is None:
            raise NetworkError(f"{source}: no function {function}; define it, or pass another one")
        _check_function(source, function, build)
        return build(), network_sha256
    except PoseDeployError:
        raise
    except SystemExit as error:
        raise NetworkError(
            f"{source}: the file ended the program ({error}); {function} must return"
        ) from error
    except Exception as error:
        frames = [each for each in traceback.extract_tb(error.__traceback__) if each.filename == str(source)]
        where = f"{source}, line {frames[-1].lineno}" if frames else str(source)
        raise NetworkError(
            f"{where}: {function} cannot build the network: {type(error).__name__}: {error}; correct the file"
        ) from error


def _check_function(source: Path, function: str, build: object) -> None:
    expected = "expected a function without arguments that returns the network"
    if not callable(build):
        raise NetworkError(
            f"{source}: {function} is of type {type(build).__name__}, {expected}; pass such a function"
        )
    try:
        parameters = inspect.signature(build).parameters.values()
    except ValueError:  # some functions in C have no signature
        return
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [each.name for each in parameters if each.default is each.empty and each.kind not in variable]
    if needed:
        what = "the class" if isinstance(build, type) else "the function"
        raise NetworkError(
            f"{source}: {what} {function} needs arguments ({listed(needed)}), {expected}; pass another "
            f"one, or write one that calls {function}"
        )


@contextmanager
def _on_import_path(source: Path) -> Iterator[None]:
    """Put the file's folder on the import path, as Python does for a script."""
    folder = str(source.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _run(source: Path) -> tuple[ModuleType, str]:
    """Run a file; return its module and the SHA-256 of the code that ran."""
    content = source.read_bytes()
    name = f"posedeploy_user_{source.stem}"
    location = importlib.util.spec_from_file_location(name, source)
    assert location is not None, "a file that ends in .py has a loader"
    module = importlib.util.module_from_spec(location)
    sys.modules[name] = module  # dataclasses and pickling look the module up in sys.modules
    exec(compile(content, source, "exec"), vars(module))  # the loader may run cached bytecode instead
    return module, hashlib.sha256(content).hexdigest()


def _network_and_spec(network: str, result: Any, toml: Path) -> tuple[nn.Module, ModelSpec, str]:
    """Return the network, its spec, and what defines the spec, for messages."""
    if isinstance(result, nn.Module):
        if not toml.is_file():
            raise NetworkError(
                f"`network={network}`: the function returned a module without a ModelSpec, and {toml} does "
                "not exist; return a ModelSpec too, or write the contract to that file, beginning with "
                "`posedeploy contract new FAMILY` (docs/own-network.md)"
            )
        spec = contracts.read(toml)
        image = tuple(replace(tensor, layout=tensor.layout or "NCHW") for tensor in spec.inputs)
        return result, replace(spec, inputs=image), str(toml)
    match result:
        case (nn.Module() as module, ModelSpec() as spec):
            return module, spec, f"`network={network}`"
    raise NetworkError(
        f"`network={network}`: expected an nn.Module, or an nn.Module and its ModelSpec, got "
        f"{type(result).__name__}; return the network from the function"
    )


def _check_names(network: str, spec: ModelSpec) -> None:
    names = [tensor.name for tensor in (*spec.inputs, *spec.outputs)]
    if len(set(names)) < len(names):
        raise NetworkError(
            f"`network={network}`: duplicate tensor names {', '.join(names)}; name each input and output once"
        )
    outputs = [output.name for output in spec.outputs]
    for role, name in spec.roles.items():
        if name not in outputs:
            raise NetworkError(
                f"`network={network}`: the role {role!r} names the output {name!r}, and the outputs are "
                f"{', '.join(outputs)}; name one of them"
            )
