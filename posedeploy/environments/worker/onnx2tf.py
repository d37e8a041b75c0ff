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
CLOSE = 1e-2
"""Tolerance for identifying an output, as a fraction of its largest value. posedeploy checks the file
itself."""
PERMANENT_ERRORS = (ImportError, OSError, MemoryError)
"""Errors that a second attempt cannot avoid. An operator that onnx2tf lacks is an ImportError."""


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Return the versions (``task`` is ``start``), or convert.

    To convert: ``onnx`` names the graph, ``same`` how far, of an output's largest value, the file may be from
    PyTorch, ``examples`` an .npz of ``in:NAME`` and ``out:NAME`` as the graph has them, ``tflite`` the file
    to write; ``inputs`` and ``outputs`` list for each tensor its ``name``, whether it is an image or map with
    its channels ``first`` in the graph, and whether they come ``last`` in the file.

    Returns:
        The versions, and the name of each input and output in the file's signature.
    """
    versions = {name: version(name) for name in ("onnx2tf", "tensorflow-cpu")}
    if request["task"] == "start":
        return {"versions": versions}
    with np.load(request["examples"]) as stored:
        examples = {name: stored[name] for name in stored.files}
    inputs = {tensor["name"]: examples["in:" + tensor["name"]] for tensor in request["inputs"]}
    outputs = {tensor["name"]: examples["out:" + tensor["name"]] for tensor in request["outputs"]}
    last = {tensor["name"] for tensor in request["inputs"] + request["outputs"] if tensor["last"]}
    model, found = _converted(request, inputs, outputs)
    return {"versions": versions, **_write(Path(request["tflite"]), model, inputs, found, last)}


def _converted(
    request: dict[str, Any], inputs: dict[str, Array], outputs: dict[str, Array]
) -> tuple[Any, dict[str, tuple[int, Axes]]]:
    """Return the Keras model, and the index and axes of each output.

    onnx2tf can search for the best order of axes at every operator. That takes up to half an hour, and most
    networks do not need it, so it is only done if the result is wrong without it.
    """
    try:
        model = _keras(request, strict=False)
        return model, _found(_results(model, inputs), outputs, request["same"])
    except PERMANENT_ERRORS:
        raise
    except (Exception, SystemExit):  # onnx2tf exits on errors
        traceback.print_exc()
    model = _keras(request, strict=True)
    return model, _found(_results(model, inputs), outputs, CLOSE)


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


def _results(model: Any, inputs: dict[str, Array]) -> list[Array]:
    """Return the outputs of a Keras model, with inputs matched by name."""
    if sorted(model.input_names) != sorted(inputs):
        raise SystemExit(f"onnx2tf made the inputs {model.input_names} of {list(inputs)}")
    return [output.numpy() for output in _called(model, {k: tf.constant(v) for k, v in inputs.items()})]


def _called(model: Any, inputs: dict[str, Any]) -> list[Any]:
    given = model([inputs[name] for name in model.input_names])
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _found(given: list[Array], wanted: dict[str, Array], close: float) -> dict[str, tuple[int, Axes]]:
    """Return the index in the model and the transposition of each output, identified by their values.

    Of equal candidates, the first that is not assigned yet, with untransposed axes, is used.
    """
    free = set(range(len(given)))
    found = {}
    for name, array in wanted.items():
        fitting = [
            (_distance(output.transpose(axes), array), index not in free, axes, index)
            for index, output in enumerate(given)
            for axes in itertools.permutations(range(output.ndim))
            if output.transpose(axes).shape == array.shape
        ]
        distance, _, axes, index = min(fitting, default=(np.inf, False, (), 0))
        if not distance < close:
            raise SystemExit(
                f"onnx2tf converted the network wrongly: none of its outputs is {name}; the nearest differs "
                f"by {distance:.1e} of its largest value"
            )
        free.discard(index)
        found[name] = index, axes
    return found


def _distance(array: Array, wanted: Array) -> float:
    """Return the largest difference, as a fraction of the largest expected value."""
    largest = max(float(np.abs(wanted).max(initial=0)), float(np.finfo(np.float32).tiny))
    return float(np.abs(array.astype(np.float64) - wanted).max(initial=0)) / largest


def _write(
    path: Path, model: Any, inputs: dict[str, Array], found: dict[str, tuple[int, Axes]], last: set[str]
) -> dict[str, dict[str, str]]:
    """Write the file, and return the names in its signature, which does not allow every name of a network."""
    called = {
        "inputs": {name: f"input_{place:03}" for place, name in enumerate(inputs)},
        "outputs": {name: f"output_{place:03}" for place, name in enumerate(found)},
    }

    def deployed(**entries: Any) -> dict[str, Any]:
        given = {name: entries[called["inputs"][name]] for name in inputs}
        given = {k: tf.transpose(v, FIRST) if k in last else v for k, v in given.items()}
        outputs = _called(model, given)
        return {
            called["outputs"][name]: _turned(outputs[index], axes, name in last)
            for name, (index, axes) in found.items()
        }

    module = tf.Module()
    module.model = model
    specs = {
        entry: tf.TensorSpec(_laid_out(inputs[name], name in last).shape, inputs[name].dtype, name=entry)
        for name, entry in called["inputs"].items()
    }
    function = tf.function(deployed).get_concrete_function(**specs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    path.write_bytes(converter.convert())
    return called


def _turned(output: Any, axes: Axes, last: bool) -> Any:
    """Transpose a tensor, to channels last if ``last``, in at most one step."""
    axes = tuple(axes[axis] for axis in LAST) if last else axes
    return output if axes == tuple(range(len(axes))) else tf.transpose(output, axes)


def _laid_out(array: Array, last: bool) -> Array:
    return np.ascontiguousarray(array.transpose(LAST)) if last else array
