from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from posedeploy import plugins
from posedeploy.backends import (
    RUNTIMES,
    TARGETS,
    is_model,
    is_named_like_model,
    runtime_for,
    target_named,
    target_of,
)
from posedeploy.errors import ArtifactError, ExportError
from posedeploy.runtimes.base import Runner


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_has_a_converter_a_unique_suffix_and_known_runtimes(name: str) -> None:
    target = TARGETS[name]
    assert list(inspect.signature(plugins.load(target.converter)).parameters) == ["prepared", "path"]
    assert set(target.runtimes) <= RUNTIMES.keys()
    assert [other for other in TARGETS.values() if other.suffix == target.suffix] == [target]
    assert set(target.packages) <= plugins.EXTRAS_OF_PACKAGE.keys()
    assert target_of(Path(f"a/b.c{target.suffix}")) is target is target_named(name)


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_runtime_has_a_runner_and_a_package_that_an_extra_installs(name: str) -> None:
    runtime = RUNTIMES[name]
    pytest.importorskip(runtime.package)
    assert issubclass(plugins.load(runtime.runner), Runner)
    assert runtime.package in plugins.EXTRAS_OF_PACKAGE
    assert runtime.devices


def test_the_error_about_an_unknown_target_lists_the_targets() -> None:
    with pytest.raises(ExportError, match="no target is called 'x'; available: torchscript, onnx, openvino"):
        target_named("x")


@pytest.mark.parametrize("name", ["a.mlmodel", "a", "onnx", "a.pth", "a.onnx.posedeploy.json"])
def test_a_file_of_an_unknown_target_is_an_error(name: str) -> None:
    with pytest.raises(ArtifactError, match=r"expected a name that ends in \.torchscript, \.onnx, \.xml"):
        target_of(Path(name))


def test_the_default_runtime_is_the_first_one_and_can_be_changed() -> None:
    assert runtime_for(TARGETS["onnx"]).name == "onnxruntime"
    assert runtime_for(TARGETS["onnx"], "openvino").name == "openvino"


@pytest.mark.parametrize("runtime", ["torchscript", "tensorrt"])
def test_a_runtime_that_does_not_run_a_target_is_an_error(runtime: str) -> None:
    with pytest.raises(
        ArtifactError, match=f"'{runtime}' does not run .onnx files; onnx runs on onnxruntime or open"
    ):
        runtime_for(TARGETS["onnx"], runtime)


def test_the_source_of_an_engine_is_not_a_model() -> None:
    with pytest.raises(
        ArtifactError,
        match=r"^a\.engine\.onnx: no runtime runs the source of a \.engine file; pass",
    ):
        target_of(Path("a.engine.onnx"))
    assert is_model(Path("a.engine")) and is_model(Path("a.onnx")) and not is_model(Path("a.engine.onnx"))


def test_model_files_are_recognized_by_their_names() -> None:
    assert all(is_named_like_model(Path(name)) for name in ("a.onnx", "a.xml", "a.engine", "a.engine.onnx"))
    assert not any(is_named_like_model(Path(name)) for name in ("a.pth", "a.tar", "onnx", "a"))
