"""Arguments and options of another type than their annotations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Unpack, get_args, get_origin

import numpy as np
import pytest

import posedeploy as pd
from posedeploy.argument_types import annotations_of
from posedeploy.errors import InputError

FUNCTIONS = [
    "benchmark", "bisect", "bundle", "compare", "evaluate", "evaluate_on_ray", "export", "load",
    "load_checkpoint", "measure_on_nodes", "open_artifact", "open_runner", "prepare", "report", "tune",
    "verify", "write_pose_shards", "write_poses",
]  # fmt: skip
OPTIONS = ["ExportOptions", "PersonArgs", "PredictSettings", "RunOptions", "TensorRtOptions", "TfliteOptions"]


def parameters() -> Iterator[tuple[str, str]]:
    for name in (*FUNCTIONS, *OPTIONS):
        for parameter in inspect.signature(getattr(pd, name)).parameters.values():
            if parameter.kind != parameter.VAR_KEYWORD:
                yield name, parameter.name
    yield from ((name, "family") for name in FUNCTIONS if _has_model_keywords(getattr(pd, name)))


def _has_model_keywords(function: Callable[..., Any]) -> bool:
    return any(get_origin(hint) is Unpack for hint in annotations_of(function).values())


def _value_of(annotation: Any) -> Any:
    """Return a value of a type, or of the first type of a union, that no code ever uses."""
    kinds = get_args(annotation) or (annotation,)
    if isinstance(kinds[0], str):  # a literal
        return kinds[0]
    kind = get_origin(kinds[0]) or kinds[0]
    return kind.__new__(kind, 1) if kind in (str, np.ndarray) else object.__new__(kind)


def test_all_public_functions_are_tried() -> None:
    functions = {name for name in pd.__all__ if inspect.isfunction(getattr(pd, name))}
    assert functions == {*FUNCTIONS, "load_sample"}


@pytest.mark.parametrize(("name", "parameter"), [*parameters()])
def test_a_value_of_another_type_is_refused(name: str, parameter: str) -> None:
    call = getattr(pd, name)
    annotations = annotations_of(call)
    required = {
        each.name: _value_of(annotations[each.name])
        for each in inspect.signature(call).parameters.values()
        if each.default is each.empty and each.kind != each.VAR_KEYWORD
    }
    with pytest.raises(InputError, match=rf"^`{parameter}`: wrong type; found Stranger; expected "):
        call(**{**required, parameter: Stranger()})


class Stranger:
    """Of no type that any parameter has."""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: pd.compare("a.onnx", images=["a.png", 3]),  # type: ignore[list-item]
            "`images`: wrong type; found list of int, str; "
            "expected str or PathLike or list of str or PathLike or None",
        ),
        (
            lambda: pd.compare("a.onnx", budget=1.0),  # type: ignore[arg-type]
            "`budget`: wrong type; found float; expected str or list of str or None",
        ),
        (lambda: pd.report([3], "a.html"), "`results`: "),  # type: ignore[list-item]
        (lambda: pd.tune(None, "out", []), "`budget`: no limit; expected a number and one of the units px"),
        (lambda: pd.RunOptions(threads="2"), "`threads`: "),  # type: ignore[arg-type]
        (lambda: pd.ExportOptions(budget="1px"), "found str; expected tuple of str"),  # type: ignore[arg-type]
        (lambda: pd.ExportOptions(input_size=(1, 2, 3)), "expected (int, int) or None"),  # type: ignore[arg-type]
    ],
)
def test_the_message_has_both_types(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError) as refusal:
        call()
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (pd.TfliteOptions, {"layout": "NHWC"}, "`layout=NHWC`: unknown value; expected nchw or nhwc"),
        (pd.TfliteOptions, {"activations": "int4"}, "expected int8 or int16 or dynamic"),
        (pd.TfliteOptions, {"converter": "foo"}, "expected litert-torch or onnx2tf"),
        (pd.ExportOptions, {"outputs": "Last"}, "expected all or last"),
        (pd.RunOptions, {"hint": "speed"}, "expected latency or throughput"),
        (pd.TensorRtOptions, {"wrap": "trt"}, "expected torch2trt or None"),
        (pd.PredictSettings, {"mesh_format": "obj"}, "expected .obj or .glb"),
        (pd.benchmark, {"models": "a.onnx", "scenario": "Offline"}, "expected single-stream or offline"),
        (pd.bundle, {"artifact": "a", "output": "b", "server": "foo"}, "expected triton or ovms or kserve"),
        (
            pd.tune,
            {"model": "a", "folder": "b", "budget": "1px", "objective": "speed"},
            "expected latency or",
        ),
        (pd.load_checkpoint, {"path": "a.pth", "stages": "most"}, "expected int or all or None"),
    ],
)
def test_a_value_outside_a_closed_set_is_refused(
    call: Callable[..., object], arguments: dict[str, str], message: str
) -> None:
    name, value = list(arguments.items())[-1]
    with pytest.raises(InputError) as refusal:
        call(**arguments)
    assert f"{name}={value}`: unknown value" in str(refusal.value) and message in str(refusal.value)


@pytest.mark.parametrize("options", [pd.ExportOptions, pd.RunOptions])
def test_a_precision_is_left_to_the_target_or_the_runtime(options: Callable[..., Any]) -> None:
    assert options(precision="int4").precision == "int4"


def test_numbers_of_numpy_paths_and_lists_are_accepted() -> None:
    assert pd.RunOptions(threads=np.int64(2)).threads == 2  # type: ignore[arg-type]
    assert pd.ExportOptions(calibration=["a"]).calibration == ["a"]  # type: ignore[arg-type]
    with pytest.raises(pd.PoseDeployError, match="no such file"):
        pd.open_artifact(Path("missing.onnx"))
