"""Intermediate tensors of IR and ONNX files, in OpenVINO."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from posedeploy import openvino_telemetry  # noqa: F401

# isort: split

import openvino
from openvino import opset13

from posedeploy.bisection.intermediates.opening import Changes, OpenedFile
from posedeploy.convert.float_layers import is_constant
from posedeploy.errors import ArtifactError, first_line
from posedeploy.runtimes.openvino import OpenVinoRunner
from posedeploy.types import Artifact, RunOptions

SKIPPED = frozenset({"Parameter", "Constant", "Result"})


def open_file(artifact: Artifact, options: RunOptions, folder: Path, changes: Changes) -> OpenedFile:
    """Open a file with the floating-point results of its operators as outputs, and inputs that replace
    results.

    Raises:
        ArtifactError, DeviceError: as for ``OpenVinoRunner``.
    """
    try:
        model = openvino.Core().read_model(artifact.path)
    except RuntimeError as error:
        raise ArtifactError(f"{artifact.path}: OpenVINO cannot read it ({first_line(error)})") from error
    existing = {_source(result): result.output(0).get_any_name() for result in model.get_results()}
    operators: dict[str, str] = {}
    ports: dict[str, Any] = {}
    for key, node, port in _list_results(model):
        name = existing.get(key) or ("/".join(map(str, key)) if key[1] else key[0])
        if key not in existing:
            if not changes.shows(name):
                continue
            _add_output(model, port, name)
        operators[name] = node.get_type_name()
        if name in changes.cuts:
            ports[name] = port
    names = {
        tensor: name
        for number, (tensor, port) in enumerate(ports.items())
        if _replace(model, port, name := f"replaced {number}")
    }
    path = folder / "intermediates.xml"
    openvino.save_model(model, path, compress_to_fp16=False)
    return OpenedFile(OpenVinoRunner(replace(artifact, path=path), options), operators, names)


def _list_results(model: Any) -> Iterator[tuple[tuple[str, int], Any, Any]]:
    """Yield the name and index, the operator and the port of each floating-point result that depends on the
    inputs, in the order of the graph."""
    computed: set[str] = {node.get_friendly_name() for node in model.get_parameters()}
    for node in model.get_ordered_ops():
        sources = {value.get_node().get_friendly_name() for value in node.input_values()}
        if node.get_type_name() in SKIPPED or not sources & computed:  # constants are no results
            continue
        computed.add(node.get_friendly_name())
        for index, port in enumerate(node.outputs()):
            if port.get_element_type().is_real() and not _has_bias_next(port):
                yield (node.get_friendly_name(), index), node, port


def _has_bias_next(port: Any) -> bool:
    """Return whether only an addition of constants uses a result: the network has the sum alone."""
    consumers = [target.get_node() for target in port.get_target_inputs()]
    return (
        len(consumers) == 1
        and consumers[0].get_type_name() == "Add"
        and any(is_constant(value.get_node()) for value in consumers[0].input_values())
    )


def _replace(model: Any, port: Any, name: str) -> bool:
    """Replace a result by a new input, except in outputs; return whether an operator uses it."""
    targets = [each for each in port.get_target_inputs() if each.get_node().get_type_name() != "Result"]
    if targets:
        parameter = opset13.parameter(port.get_partial_shape(), port.get_element_type())
        parameter.output(0).get_tensor().set_names({name})
        for target in targets:
            target.replace_source_output(parameter.output(0))
        model.add_parameters([parameter])
    return bool(targets)


def _source(result: Any) -> tuple[str, int]:
    value = result.input_value(0)
    return value.get_node().get_friendly_name(), value.get_index()


def _add_output(model: Any, port: Any, name: str) -> None:
    port.get_tensor().set_names({name})
    model.add_outputs([port])
