"""Convert ONNX to TFLite with onnx2tf and TensorFlow, with named tensors in the requested layout.

This script runs in the isolated environment's Python. onnx2tf converts the graph to Keras layers, channels
last. TensorFlow's converter then writes the file from a function whose inputs and outputs have the requested
layout. Shapes can be ambiguous, so outputs are identified by their values for the inputs in the request.
"""

from __future__ import annotations

import itertools
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx2tf
import tensorflow as tf

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Axes: TypeAlias = tuple[int, ...]

SAMPLE = "calibration_image_sample_data_20x128x128x3_float32.npy"
"""The calibration file that onnx2tf reads from its folder, or else downloads, for an image-like input."""
LAST, FIRST = (0, 2, 3, 1), (0, 3, 1, 2)
"""From channels first to channels last, and back."""
MATCH_TOLERANCE = 1e-2
"""Tolerance for identifying an output, as a fraction of its largest value. posedeploy checks the file."""
PERMANENT_ERRORS = (ImportError, OSError, MemoryError)
"""Errors that a second attempt cannot avoid. An operator that onnx2tf lacks is an ImportError."""


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Return the versions (``task`` is ``start``), or convert.

    The fields of a conversion: ``onnx``, the graph; ``tolerance``, the largest difference from PyTorch as a
    fraction of an output's largest value; ``examples``, an .npz of ``in:NAME`` and ``out:NAME`` in the
    layout of the graph; ``tflite``, the file to write; ``inputs`` and ``outputs``, for each tensor its
    ``name``, whether the graph has its channels ``first``, and whether the file has them ``last``.

    Returns:
        The versions, and the name of each input and output in the file's signature.
    """
    versions = {name: version(name) for name in ("onnx2tf", "tensorflow-cpu")}
    if request["task"] == "start":
        return {"versions": versions}
    with np.load(request["examples"]) as archive:
        examples = {name: archive[name] for name in archive.files}
    inputs = {tensor["name"]: examples["in:" + tensor["name"]] for tensor in request["inputs"]}
    outputs = {tensor["name"]: examples["out:" + tensor["name"]] for tensor in request["outputs"]}
    last = {tensor["name"] for tensor in request["inputs"] + request["outputs"] if tensor["last"]}
    model, matches = _convert(request, inputs, outputs)
    return {"versions": versions, **_write(Path(request["tflite"]), model, inputs, matches, last)}


def _convert(
    request: dict[str, Any], inputs: dict[str, Array], outputs: dict[str, Array]
) -> tuple[Any, dict[str, tuple[int, Axes]]]:
    """Return the Keras model, and the index and axes of each output.

    onnx2tf can search for the best order of axes at every operator. That takes up to half an hour, and most
    networks do not need it, so it is only done if the result is wrong without it.
    """
    try:
        model = _keras(request, strict=False)
        return model, _match_outputs(_run_model(model, inputs), outputs, request["tolerance"])
    except PERMANENT_ERRORS:
        raise
    except (Exception, SystemExit):  # onnx2tf exits on errors
        traceback.print_exc()
    model = _keras(request, strict=True)
    return model, _match_outputs(_run_model(model, inputs), outputs, MATCH_TOLERANCE)


def _keras(request: dict[str, Any], *, strict: bool) -> Any:
    """Return the graph as a Keras model whose inputs have the layout of the graph."""
    np.save(SAMPLE, np.random.default_rng(0).random((20, 128, 128, 3), np.float32))
    return onnx2tf.convert(
        input_onnx_file_path=request["onnx"],
        output_folder_path="saved_model",
        keep_ncw_or_nchw_or_ncdhw_input_names=[t["name"] for t in request["inputs"] if t["first"]] or None,
        keep_shape_absolutely_input_names=[t["name"] for t in request["inputs"] if not t["first"]] or None,
        not_use_onnxsim=True,
        disable_model_save=True,
        disable_strict_mode=not strict,
        replace_to_pseudo_operators=["erf"],  # TFLite has no Erf; its polynomial is off by 1.5e-7 at most
        verbosity="info",
    )


def _run_model(model: Any, inputs: dict[str, Array]) -> list[Array]:
    """Return the outputs of a Keras model, with inputs matched by name."""
    if sorted(model.input_names) != sorted(inputs):
        raise SystemExit(f"onnx2tf converted the inputs {list(inputs)} to {model.input_names}")
    return [output.numpy() for output in _call(model, {k: tf.constant(v) for k, v in inputs.items()})]


def _call(model: Any, inputs: dict[str, Any]) -> list[Any]:
    outputs = model([inputs[name] for name in model.input_names])
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _match_outputs(
    outputs: list[Array], expected: dict[str, Array], tolerance: float
) -> dict[str, tuple[int, Axes]]:
    """Return the index in the model and the transposition of each output, identified by their values.

    Among equal candidates, the first unassigned one with untransposed axes is used.
    """
    free = set(range(len(outputs)))
    matches = {}
    for name, array in expected.items():
        candidates = [
            (_distance(output.transpose(axes), array), index not in free, axes, index)
            for index, output in enumerate(outputs)
            for axes in itertools.permutations(range(output.ndim))
            if output.transpose(axes).shape == array.shape
        ]
        distance, _, axes, index = min(candidates, default=(np.inf, False, (), 0))
        if not distance < tolerance:
            raise SystemExit(
                f"onnx2tf converted the network wrongly: no output equals {name}; the nearest differs by "
                f"{distance:.1e} of its largest value"
            )
        free.discard(index)
        matches[name] = index, axes
    return matches


def _distance(array: Array, expected: Array) -> float:
    """Return the largest difference, as a fraction of the largest expected value."""
    largest = max(float(np.abs(expected).max(initial=0)), float(np.finfo(np.float32).tiny))
    return float(np.abs(array.astype(np.float64) - expected).max(initial=0)) / largest


def _write(
    path: Path, model: Any, inputs: dict[str, Array], matches: dict[str, tuple[int, Axes]], last: set[str]
) -> dict[str, dict[str, str]]:
    """Write the file, and return the names in its signature, which does not allow every name of a network."""
    names = {
        "inputs": {name: f"input_{index:03}" for index, name in enumerate(inputs)},
        "outputs": {name: f"output_{index:03}" for index, name in enumerate(matches)},
    }

    def deployed(**entries: Any) -> dict[str, Any]:
        tensors = {name: entries[names["inputs"][name]] for name in inputs}
        tensors = {k: tf.transpose(v, FIRST) if k in last else v for k, v in tensors.items()}
        outputs = _call(model, tensors)
        return {
            names["outputs"][name]: _transpose(outputs[index], axes, name in last)
            for name, (index, axes) in matches.items()
        }

    module = tf.Module()
    module.model = model
    specs = {
        entry: tf.TensorSpec(_to_layout(inputs[name], name in last).shape, inputs[name].dtype, name=entry)
        for name, entry in names["inputs"].items()
    }
    function = tf.function(deployed).get_concrete_function(**specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    path.write_bytes(converter.convert())
    return names


def _transpose(output: Any, axes: Axes, last: bool) -> Any:
    """Transpose a tensor, to channels last if ``last``, in at most one step."""
    axes = tuple(axes[axis] for axis in LAST) if last else axes
    return output if axes == tuple(range(len(axes))) else tf.transpose(output, axes)


def _to_layout(array: Array, last: bool) -> Array:
    return np.ascontiguousarray(array.transpose(LAST)) if last else array
