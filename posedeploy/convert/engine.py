"""An ONNX graph becomes a TensorRT engine, without PyTorch: a device builds its own from a kept graph."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from posedeploy import engines, files, manifest, plugins
from posedeploy.backends import TARGETS
from posedeploy.convert.export_options import OnProgress, TensorRtOptions
from posedeploy.engines import AHEAD, Flavour, Passport, Shapes, passport_of
from posedeploy.errors import ArtifactError, DeviceError, ExportError
from posedeploy.types import Artifact, Provenance

Where = Callable[[str], str]
MIB = 1 << 20


def build(
    graph: Path,
    asked: TensorRtOptions,
    profile: Mapping[str, Shapes],
    on_progress: OnProgress,
    where: Where = lambda node: "",
    *,
    precision: str = "fp32",
) -> tuple[bytes, Passport]:
    """The engine of an ONNX file, and its passport.

    Float32 is float32, without TF32; all else is as the graph has it.

    Args:
        profile: the range of every dynamic input.
        where: what to add to the name of a node of the graph, to say where in the network it comes from.
        precision: what the graph computes in, for the record.

    Raises:
        ExportError: TensorRT does not take the graph, or does not build it as asked.
        DeviceError: the flavour needs a GPU and there is none, or does not know the one that was named.
        MissingPackageError: the flavour is not installed.
    """
    flavour, api = engines.choose(asked.flavour, asked.gpus)
    _check_timing(flavour, asked)
    gpu = None if flavour.ahead else _gpu(flavour)
    listener = engines.listener(api)
    builder = api.Builder(listener)
    network = builder.create_network(1 << int(api.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    onnx = graph.read_bytes()
    parser = api.OnnxParser(network, listener)
    if not parser.parse(onnx):
        raise ExportError(f"{flavour.name} cannot take this network: {_refused(parser, where)}")
    config = builder.create_builder_config()
    config.clear_flag(api.BuilderFlag.TF32)
    if asked.workspace_mib is not None:
        config.set_memory_pool_limit(api.MemoryPoolType.WORKSPACE, asked.workspace_mib * MIB)
    capabilities = (gpu.capability,) if gpu else _aimed(api, config, asked.gpus)
    if profile:
        _set_profile(builder, config, profile, listener)
    cache = _timing_cache(config, asked.timing_cache)
    monitor = _monitor(api, on_progress)
    config.progress_monitor = monitor
    built = _built(builder, network, config, monitor)
    if built is None:
        limited = f"; --workspace {asked.workspace_mib} may be too little" if asked.workspace_mib else ""
        raise ExportError(
            f"{flavour.name} cannot build this engine: {engines.reason(listener.errors)}{limited}"
        )
    if cache is not None and asked.timing_cache is not None:
        _keep(cache, asked.timing_cache)
    return bytes(built), Passport(
        flavour=flavour.name,
        version=api.__version__,
        compute_capabilities=capabilities,
        system=engines.this_system(),
        precision=precision,
        onnx=graph.name,
        onnx_sha256=hashlib.sha256(onnx).hexdigest(),
        gpu=gpu.name if gpu else None,
        profile=profile,
        workspace_mib=asked.workspace_mib,
    )


def rebuild(artifact: Artifact, asked: TensorRtOptions, on_progress: OnProgress) -> Artifact:
    """Build an engine again from its kept ONNX and in its place, as is asked; where nothing is, by its own
    flavour and for the GPUs that it was built for, or, by one that builds on the GPU, for this one.

    Raises:
        ArtifactError: the ONNX is gone, or is not the one that the engine was built from.
        ExportError, DeviceError, MissingPackageError: as ``build`` says.
        OutputError: the folder cannot be written.
    """
    passport = passport_of(artifact)
    if passport is None:
        raise ArtifactError(
            f"{artifact.path}: made by others, so there is no ONNX to build it from again; export the network"
        )
    graph = _kept_graph(artifact.path, passport)
    gpus, flavour = asked.gpus, asked.flavour or passport.flavour
    if not gpus and flavour == passport.flavour and passport.compute_capabilities != AHEAD:
        ahead = passport.flavour in engines.FLAVOURS and engines.FLAVOURS[passport.flavour].ahead
        gpus = tuple(name.rstrip("+") for name in passport.compute_capabilities) if ahead else ()
    asked = replace(
        asked,
        flavour=flavour,
        gpus=gpus,
        workspace_mib=asked.workspace_mib or passport.workspace_mib,
    )
    engine, built = build(graph, asked, passport.profile, on_progress, precision=passport.precision)
    sidecars = TARGETS["tensorrt"].sidecar_names(artifact.path.stem)  # one that was renamed keeps its own
    with files.staged(artifact.path.parent) as stage:
        path = stage / artifact.path.name
        path.write_bytes(engine)
        made = replace(
            artifact,
            files={path.name: files.sha256(path)},
            details=engines.details(built),
            beside={name: artifact.beside[name] for name in sidecars if name in artifact.beside},
            provenance=_renewed(artifact, asked),
        )
        manifest.write(made, stage)
    return made


def _kept_graph(engine: Path, passport: Passport) -> Path:
    """The ONNX that an engine was built from: beside it under the name that it had, or renamed with it."""
    names = dict.fromkeys((passport.onnx, f"{engine.name}.onnx"))
    beside = [path for path in map(engine.with_name, names) if path.is_file()]
    if not beside:
        raise ArtifactError(
            f"{engine}: the ONNX it was built from, {' or '.join(names)}, is not beside it; put it there, or "
            "export the network again"
        )
    for path in beside:
        if files.sha256(path) == passport.onnx_sha256:
            return path
    raise ArtifactError(
        f"{beside[0]}: not the ONNX that {engine.name} was built from, by its SHA-256; export the network "
        "again"
    )


def _renewed(artifact: Artifact, asked: TensorRtOptions) -> Provenance | None:
    """Where the artifact came from, with what was asked of its building now."""
    if artifact.provenance is None:
        return None
    now = {name: str(getattr(asked, name)) for name in ("flavour", "gpus", "workspace_mib", "timing_cache")}
    return replace(artifact.provenance, options={**artifact.provenance.options, **now})


def _gpu(flavour: Flavour) -> Any:
    try:
        return plugins.load("posedeploy.cuda:gpu", flavour.name)()
    except DeviceError as error:
        raise engines.without_gpu(error) from error


def _check_timing(flavour: Flavour, asked: TensorRtOptions) -> None:
    if asked.timing_cache is not None and not flavour.times:
        raise ExportError(
            f"--timing-cache {asked.timing_cache}: {flavour.name} times nothing while it builds, so there is "
            "nothing to keep; leave the option out"
        )


def _aimed(api: ModuleType, config: Any, gpus: tuple[str, ...]) -> tuple[str, ...]:
    """Tell a builder that needs no GPU which ones to build for."""
    if not gpus:
        return AHEAD
    known = engines.capabilities(api)
    config.num_compute_capabilities = len(gpus)
    for index, gpu in enumerate(gpus):
        config.set_compute_capability(known[gpu], index)
    return gpus


def _set_profile(builder: Any, config: Any, profile: Mapping[str, Shapes], listener: Any) -> None:
    made = builder.create_optimization_profile()
    for name, shapes in profile.items():
        made.set_shape(name, shapes.smallest, shapes.usual, shapes.largest)
    if config.add_optimization_profile(made) < 0:
        raise ExportError(f"--min, --opt and --max: refused ({engines.reason(listener.errors)})")


def _timing_cache(config: Any, path: Path | None) -> Any:
    """What is remembered of earlier builds, to be added to; None where it was not asked for."""
    if path is None:
        return None
    try:
        known = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise ExportError(f"--timing-cache {path}: cannot be read ({error.strerror})") from error
    cache = config.create_timing_cache(known)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        raise ExportError(
            f"--timing-cache {path}: not a timing cache of this GPU and TensorRT; name a file that is not "
            "there yet"
        )
    return cache


def _keep(cache: Any, path: Path) -> None:
    with files.staged(path.parent) as stage:
        (stage / path.name).write_bytes(bytes(cache.serialize()))


def _refused(parser: Any, where: Where) -> str:
    """What the parser says of each node that it does not take."""
    told = []
    for index in range(parser.num_errors):
        error = parser.get_error(index)
        node = f"{error.node_operator()} (node {error.node_name()}{where(error.node_name())})"
        text = " ".join(error.desc().split())
        if text in ("", "false"):  # of a whole operator that it lacks, the parser says no more than its code
            text = error.code().name.lower().replace("_", " ")
        told.append(f"{node}: {text}" if error.node_operator() else text)
    return "; ".join(dict.fromkeys(told)) or "it does not say why"


def _built(builder: Any, network: Any, config: Any, monitor: Any) -> Any:
    """What the builder gives, from a thread of its own: Ctrl-C comes to the main thread, and must not pass
    through TensorRT. The build then ends at its next step."""
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(builder.build_serialized_network, network, config)
        try:
            built = building.result()
        except KeyboardInterrupt as pressed:
            monitor.raised = pressed
            raise
    if monitor.raised is not None:
        raise monitor.raised
    return built


def _monitor(api: ModuleType, on_progress: OnProgress) -> Any:
    """What TensorRT tells of its phases, each within a step of another, as a part of the whole.

    An exception cannot pass through TensorRT: it ends the build and is found in ``raised``.
    """

    class Monitor(api.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            api.IProgressMonitor.__init__(self)
            self.raised: BaseException | None = None
            self._part = 0.0
            self._within: dict[str, tuple[float, float]] = {}
            self._steps: dict[str, tuple[int, int]] = {}

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            start, length = 0.0, 1.0
            if parent in self._within:
                start, length = self._within[parent]
                done, of = self._steps[parent]
                start, length = start + length * done / of, length / of
            self._within[name], self._steps[name] = (start, length), (0, max(1, steps))

        def step_complete(self, name: str, step: int) -> bool:
            if self.raised is not None or name not in self._steps:
                return self.raised is None  # another phase of this name may have ended meanwhile
            try:
                _, of = self._steps[name]
                self._steps[name] = (step + 1, of)
                start, length = self._within[name]
                # Phases of the same name overlap: what is shown never goes back.
                self._part = max(self._part, min(1.0, start + length * (step + 1) / of))
                on_progress(name, self._part)
            except BaseException as error:
                self.raised = error
            return self.raised is None

        def phase_finish(self, name: str) -> None:
            self._within.pop(name, None)
            self._steps.pop(name, None)

    return Monitor()
