"""Models on a server are used like model files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import posedeploy
from posedeploy import manifest
from posedeploy.benchmarks.inputs import build_noise_input
from posedeploy.cli import app
from posedeploy.errors import ArtifactError, DeviceError, InputError, ServerError
from posedeploy.manifest_document import encode
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import Artifact, RunOptions, Tensors
from tests.client.protocol_server import Script, serving

URL = "/v2/models/tiny"


@pytest.fixture
def tensors(script: Script) -> Tensors:
    return build_noise_input(script.artifact.spec).tensors


@pytest.mark.parametrize("end", ["", "/", "?timeout=20", "/?timeout=20"])
def test_a_served_model_returns_the_outputs_of_its_file(
    script: Script, server: str, tensors: Tensors, end: str
) -> None:
    artifact = posedeploy.open_artifact(Path(server + URL + end))
    with open_runner(artifact, RunOptions()) as runner:
        outputs = runner.run(tensors)
        (streamed,) = runner.stream([tensors])
        assert runner.inputs == script.artifact.spec.inputs
    expected = script.runner.run(tensors)
    assert outputs.keys() == streamed.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(outputs[name], array)
        np.testing.assert_array_equal(streamed[name], array)
        assert outputs[name].flags.owndata and outputs[name].flags.writeable


def test_a_server_without_binary_tensors_gets_json(script: Script, server: str, tensors: Tensors) -> None:
    script.is_json_only = True
    with open_runner(open_artifact(Path(server + URL)), RunOptions()) as runner:
        outputs = runner.run(tensors)
    for name, array in script.runner.run(tensors).items():
        assert outputs[name].dtype == array.dtype
        np.testing.assert_array_equal(outputs[name], array)


def test_a_served_model_has_the_manifest_of_its_file(script: Script, server: str) -> None:
    artifact = open_artifact(Path(server + URL))
    assert str(artifact.path) == server + URL
    assert replace(artifact, path=script.artifact.path) == script.artifact


def test_the_runtime_info_names_the_server_and_the_transfer(server: str) -> None:
    with open_runner(open_artifact(Path(server + URL)), RunOptions()) as runner:
        info = runner.runtime_info
    assert (info.runtime, info.version) == ("test-server", "1.2")
    assert (info.device, info.precision, info.threads) == (f"{server}, transfer included", "fp32", None)


def test_parity_compares_a_served_model_with_a_file(script: Script, server: str) -> None:
    report = posedeploy.compare(server + URL, against=script.artifact)
    assert report.passed
    assert report.results[0].label == server + URL
    assert report.results[0].model_sha256 == script.artifact.files


def test_parity_finds_that_other_outputs_are_served(script: Script, server: str) -> None:
    other = script.runner.run

    class Changed:
        inputs, outputs = script.runner.inputs, script.runner.outputs

        def run(self, tensors: Tensors) -> Tensors:
            return {name: array + 0.01 for name, array in other(tensors).items()}

    script.runner = Changed()  # type: ignore[assignment]
    assert not posedeploy.compare(server + URL, against=script.artifact).passed


def test_a_benchmark_times_a_served_model(server: str) -> None:
    report = posedeploy.benchmark(server + URL, runs=3)
    result = report.results[0]
    assert (result.runtime_info.runtime, result.path, result.file_bytes) == (
        "test-server",
        server + URL,
        None,
    )


def test_a_model_without_a_manifest_has_the_tensors_of_the_server(script: Script, server: str) -> None:
    script.has_manifest = False
    artifact = open_artifact(Path(server + URL))
    with open_runner(artifact, RunOptions()) as runner:
        assert [tensor.name for tensor in runner.inputs] == [t.name for t in script.runner.inputs]
        assert [tensor.shape for tensor in runner.inputs] == [t.shape for t in script.runner.inputs]
    assert (artifact.target, artifact.precision, artifact.files) == ("server", "unknown", {})


def test_the_manifest_of_the_url_describes_a_model_without_one(
    script: Script, server: str, tmp_path: Path
) -> None:
    script.has_manifest = False
    file = tmp_path / "tiny.posedeploy.json"
    file.write_bytes(encode(script.artifact))
    artifact = open_artifact(Path(f"{server}{URL}?manifest={file}"))
    assert artifact.spec == script.artifact.spec


def test_a_model_other_than_that_of_the_manifest_is_refused(
    script: Script, server: str, exported: dict[str, Artifact]
) -> None:
    expected = manifest.path_of(exported["openvino"].path)
    with pytest.raises(ServerError, match=r"the server has another model: the SHA-256 of its tiny\.onnx is "):
        open_artifact(Path(f"{server}{URL}?manifest={expected}"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (RunOptions(threads=2), "`threads=2`: the server decides the threads of http"),
        (RunOptions(precision="fp16"), "`precision=fp16`: the server decides the precision of http"),
        (RunOptions("cuda"), "`device=cuda`: the server decides the device of http"),
    ],
    ids=["threads", "precision", "device"],
)
def test_options_that_the_server_decides_are_refused(server: str, options: RunOptions, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        open_runner(open_artifact(Path(server + URL)), options)


def test_a_runtime_is_refused(server: str) -> None:
    with pytest.raises(ArtifactError, match="`runtime=onnxruntime`: the server decides the runtime of http"):
        open_runner(open_artifact(Path(server + URL)), RunOptions(), "onnxruntime")


def test_a_family_for_a_model_whose_manifest_names_it_is_refused(
    script: Script, server: str, exported: dict[str, Artifact]
) -> None:
    spec = replace(script.artifact.spec, family="lightweight-openpose-2d")
    with (
        serving(Script(replace(script.artifact, spec=spec), script.runner)) as other,
        pytest.raises(InputError, match="its manifest already describes it; remove `contract` and `family`"),
    ):
        open_artifact(Path(other + URL), spec)


def test_inspect_shows_a_served_model(server: str) -> None:
    result = CliRunner(env={"COLUMNS": "120"}).invoke(app, ["inspect", server + URL])
    assert result.exit_code == 0, result.output
    assert "on a server" in result.output
    assert f"test-server 1.2, {server}, transfer included, fp32" in result.output


def test_a_certificate_of_a_served_model_is_refused(server: str, tmp_path: Path) -> None:
    arguments = ["parity", server + URL, "--certificate", str(tmp_path / "c.json")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "--certificate: a certificate records files, and a model is on a server" in result.output


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "SERVER_AUTHORIZATION is not set; set this environment variable to the value of the header"),
        (" ", "SERVER_AUTHORIZATION is not set; set this environment variable to the value of the header"),
        ("Bearer other", "the server does not accept the value of POSEDEPLOY_SERVER_AUTHORIZATION; set this"),
        ("Bearer a\nb", "cannot be used as the value of an HTTP header: it contains control characters"),
    ],
)
def test_a_request_without_authorization_is_denied(
    script: Script, server: str, monkeypatch: pytest.MonkeyPatch, value: str | None, message: str
) -> None:
    script.authorization = "Bearer secret"
    if value is not None:
        monkeypatch.setenv("POSEDEPLOY_SERVER_AUTHORIZATION", value)
    with pytest.raises((ServerError, InputError)) as error:
        open_artifact(Path(f"{server}/v2/models/tiny"))
    assert message in str(error.value) and "Bearer other" not in str(error.value)


def test_the_authorization_is_sent_and_not_recorded(
    script: Script, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.authorization = "Bearer secret"
    monkeypatch.setenv("POSEDEPLOY_SERVER_AUTHORIZATION", "Bearer secret")
    report = posedeploy.benchmark(f"{server}/v2/models/tiny", runs=2)
    assert "secret" not in report.to_json()
