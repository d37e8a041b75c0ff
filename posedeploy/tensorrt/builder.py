"""Build a TensorRT engine from an ONNX graph, without PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from posedeploy import files, plugins
from posedeploy.errors import DeviceError, ExportError
from posedeploy.tensorrt import libraries
from posedeploy.tensorrt.build_info import RTX_CAPABILITIES, BuildInfo, ShapeRange, current_system
from posedeploy.tensorrt.build_progress import build_serialized, progress_monitor
from posedeploy.tensorrt.libraries import TensorRtLibrary, first_error
from posedeploy.tensorrt.network_layers import count_layers
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import OnProgress

Locate = Callable[[str], str]
MIB = 1 << 20


def build(
    graph: Path,
    options: TensorRtOptions,
    profile: Mapping[str, ShapeRange],
    on_progress: OnProgress,
    locate: Locate = lambda node: "",
    *,
    precision: str = "fp32",
) -> tuple[bytes, BuildInfo]:
    """Return the engine of an ONNX file, and its build info.

    TF32 is disabled; each layer has the precision of the graph.

    Args:
        profile: the range of every dynamic input.
        locate: returns a suffix for a node's name in messages that locates it in the network.
        precision: the precision of the graph, for the build info.

    Raises:
        ExportError: TensorRT rejects the graph, or cannot build it with these options.
        DeviceError: the library needs a GPU and there is none, or does not support a named one.
        MissingPackageError: the library is not installed.
    """
    library, api = libraries.choose_library(options.library, options.gpus)
    _check_timing_cache(library, options)
    gpu = None if library.builds_without_gpu else _gpu(library)
    logger = libraries.error_logger(api)
    builder = api.Builder(logger)
    network = builder.create_network(1 << int(api.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    onnx = graph.read_bytes()
    parser = api.OnnxParser(network, logger)
    if not parser.parse(onnx):
        raise ExportError(f"{library.name} cannot convert this network: {_parser_errors(parser, locate)}")
    config = builder.create_builder_config()
    config.clear_flag(api.BuilderFlag.TF32)
    if options.workspace_mib is not None:
        config.set_memory_pool_limit(api.MemoryPoolType.WORKSPACE, options.workspace_mib * MIB)
    capabilities = (gpu.capability,) if gpu else _set_gpus(api, config, options.gpus)
    if profile:
        _set_profile(builder, config, profile, logger)
    cache = _timing_cache(config, options.timing_cache)
    built = build_serialized(builder, network, config, progress_monitor(api, on_progress))
    if built is None:
        limit = f"; `workspace={options.workspace_mib}` may be too low" if options.workspace_mib else ""
        raise ExportError(f"{library.name} cannot build this engine: {first_error(logger.errors)}{limit}")
    if cache is not None and options.timing_cache is not None:
        _save(cache, options.timing_cache)
    return bytes(built), BuildInfo(
        library=library.name,
        version=api.__version__,
        compute_capabilities=capabilities,
        system=current_system(),
        precision=precision,
        onnx=graph.name,
        onnx_sha256=hashlib.sha256(onnx).hexdigest(),
        gpu=gpu.name if gpu else None,
        profile=profile,
        workspace_mib=options.workspace_mib,
        layers=count_layers(network),
    )


def _gpu(library: TensorRtLibrary) -> Any:
    try:
        return plugins.load("posedeploy.cuda:gpu", library.name)()
    except DeviceError as error:
        raise libraries.without_gpu(error) from error


def _check_timing_cache(library: TensorRtLibrary, options: TensorRtOptions) -> None:
    if options.timing_cache is not None and not library.supports_timing_cache:
        raise ExportError(
            f"`timing_cache={options.timing_cache}`: {library.name} does not time kernels during a build; "
            "leave the option out"
        )


def _set_gpus(api: ModuleType, config: Any, gpus: tuple[str, ...]) -> tuple[str, ...]:
    """Set the GPUs to build for, for a library that builds without one; return their capabilities."""
    if not gpus:
        return RTX_CAPABILITIES
    members = libraries.supported_capabilities(api)
    config.num_compute_capabilities = len(gpus)
    for index, gpu in enumerate(gpus):
        config.set_compute_capability(members[gpu], index)
    return gpus


def _set_profile(builder: Any, config: Any, profile: Mapping[str, ShapeRange], logger: Any) -> None:
    optimization_profile = builder.create_optimization_profile()
    for name, shapes in profile.items():
        optimization_profile.set_shape(name, shapes.min, shapes.opt, shapes.max)
    if config.add_optimization_profile(optimization_profile) < 0:
        raise ExportError(
            "`min_shapes`, `opt_shapes` and `max_shapes`: TensorRT rejects them "
            f"({first_error(logger.errors)})"
        )


def _timing_cache(config: Any, path: Path | None) -> Any:
    """Return the timings of earlier builds, which this build extends; None without a cache."""
    if path is None:
        return None
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise ExportError(f"`timing_cache={path}`: cannot be read ({error.strerror})") from error
    cache = config.create_timing_cache(content)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        raise ExportError(
            f"`timing_cache={path}`: not a timing cache of this GPU and TensorRT version; use a new file"
        )
    return cache


def _save(cache: Any, path: Path) -> None:
    with files.staged(path.parent) as stage:
        (stage / path.name).write_bytes(bytes(cache.serialize()))


def _parser_errors(parser: Any, locate: Locate) -> str:
    """Return the parser's message for each unsupported node."""
    messages = []
    for index in range(parser.num_errors):
        error = parser.get_error(index)
        node = f"{error.node_operator()} (node {error.node_name()}{locate(error.node_name())})"
        text = " ".join(error.desc().split())
        if text in ("", "false"):  # for an unsupported operator, the parser sets only the error code
            text = error.code().name.lower().replace("_", " ")
        messages.append(f"{node}: {text}" if error.node_operator() else text)
    return "; ".join(dict.fromkeys(messages)) or "TensorRT gives no reason"
