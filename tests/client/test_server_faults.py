"""Servers that are down, slow, of another protocol, or serve another model."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.benchmarks.inputs import build_noise_input
from posedeploy.client import http_connection
from posedeploy.errors import ManifestError, PoseDeployError, ServerError
from posedeploy.manifest_document import encode
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.served_parameters import MANIFEST, NETWORK, TENSOR_NAMES
from posedeploy.types import RunOptions
from tests.client.protocol_server import Answer, Script, serving, tensor_metadata
from tests.support.certificates import make_server_context

URL = "/v2/models/tiny"
MODEL = f"GET {URL}"
HTML = Answer(404, "text/html; charset=utf-8", "<html>not found</html>")
ENDLESS = '{"inputs": [{"name": "data", "datatype": "FP32", "shape": [1e999]}], "outputs": []}'
PROTOCOL = r"the server does not speak the Open Inference Protocol v2 at this URL: "


def _config(**parameters: str) -> Answer:
    values = {name: {"string_value": value} for name, value in parameters.items()}
    return Answer(body=json.dumps({"parameters": values}))


def open_model(url: str) -> None:
    """Open a served model, and run it once."""
    artifact = open_artifact(Path(url))
    with open_runner(artifact, RunOptions()) as runner:
        runner.run(build_noise_input(artifact.spec).tensors)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({MODEL: HTML}, PROTOCOL + "the response has status 404 and text/html, expected a JSON object"),
        ({MODEL: Answer(body="[]")}, PROTOCOL + "the response has status 200 and application/json"),
        ({MODEL: Answer(302)}, r"the model tiny is unknown or not ready \(status 302\)"),
        ({MODEL: Answer(body='{"name": "tiny"}')}, PROTOCOL + "the metadata of the model is invalid"),
        ({"GET /v2": HTML}, PROTOCOL + "the response has status 404 and text/html"),
        (
            {f"{MODEL}/ready": Answer(400)},
            r"the model tiny is unknown or not ready \(its status is 400\); the server has tiny",
        ),
        (
            {
                f"{MODEL}/ready": Answer(503),
                "POST /v2/repository/index": Answer(body='[{"name": "tiny", "state": "LOADING"}]'),
            },
            r"the model tiny is not ready \(LOADING\); wait until it is loaded, or read the log",
        ),
        (
            {f"POST {URL}/infer": Answer(500, body='{"error": "out of memory"}')},
            r"the model tiny failed \(out of memory\)",
        ),
        ({f"POST {URL}/infer": HTML}, PROTOCOL + "the response has status 404 and text/html"),
        ({f"POST {URL}/infer": Answer()}, "the outputs of the model tiny are missing or damaged"),
        ({f"{MODEL}/config": Answer(body='{"parameters": 3}')}, PROTOCOL + "the config of the model"),
        (
            {f"{MODEL}/config": _config(**{NETWORK: "human"})},
            "this model takes encoded images and returns poses, but posedeploy runs networks; pass the "
            "URL of its network, human",
        ),
        ({MODEL: Answer(body=ENDLESS)}, PROTOCOL + r"the metadata of the model is invalid \(cannot convert"),
        ({MODEL: Answer(body="[" * 100_000)}, PROTOCOL + "the response has status 200 and application/json"),
        (
            {f"{MODEL}/config": Answer(500, body='{"error": "no memory"}')},
            r"the config of the model tiny cannot be read \(no memory\), so its manifest is unknown; read",
        ),
        (
            {f"{MODEL}/config": _config(**{TENSOR_NAMES: "[3"})},
            "the parameter posedeploy_tensor_names of the model is damaged .*; write the bundle again",
        ),
    ],
    ids=[
        "HTML", "array", "redirect", "no tensors", "no server", "not ready", "loading", "failed",
        "HTML result", "no result", "bad config", "poses", "endless axis", "deep JSON", "failed config",
        "bad names",
    ],
)  # fmt: skip
def test_a_wrong_answer_is_reported(
    script: Script, server: str, answers: dict[str, Answer], message: str
) -> None:
    script.answers = answers
    with pytest.raises(ServerError, match=message):
        open_model(server + URL)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other", r"the model other is unknown or not ready \(no such path: .*\); the server has tiny$"),
        ("broken", r"the model broken is not ready \(UNAVAILABLE: its file is damaged\); wait until"),
        ("tiny/versions/7", r"version 7 of the model tiny is unknown or not ready \(no such path"),
    ],
)
def test_an_unknown_model_is_reported_with_those_of_the_server(server: str, name: str, message: str) -> None:
    with pytest.raises(ServerError, match=message):
        open_model(f"{server}/v2/models/{name}")


@pytest.mark.parametrize("path", [MODEL, f"POST {URL}/infer"])
def test_a_slow_server_times_out(script: Script, server: str, path: str) -> None:
    script.answers = {path: Answer(delay_s=2)}
    with pytest.raises(
        ServerError, match=r"no response within 0\.2 s; raise the limit with \?timeout=SECONDS"
    ):
        open_model(f"{server}{URL}?timeout=0.2")


def test_a_server_that_sends_slowly_times_out(script: Script, server: str) -> None:
    script.answers = {MODEL: Answer(body=" " * 100, byte_s=0.02)}
    with pytest.raises(ServerError, match=r"no response within 0\.2 s"):
        open_model(f"{server}{URL}?timeout=0.2")


def test_a_response_without_an_end_is_refused(
    script: Script, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "MAX_BYTES", 1000)
    script.answers = {MODEL: Answer(body=" " * 2000)}
    with pytest.raises(ServerError, match=PROTOCOL + r"a response has more than 1,000 bytes"):
        open_model(server + URL)


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_a_server_without_configs_has_no_manifest(script: Script, server: str, status: int) -> None:
    script.answers = {f"{MODEL}/config": Answer(status, "text/html", "no such path")}
    assert open_artifact(Path(server + URL)).provenance is None


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_a_server_that_is_down_is_reported(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    message = rf"{scheme}://127\.0\.0\.1:{port}: cannot connect \(.*\); start the server, or correct the host"
    with pytest.raises(ServerError, match=message):
        open_model(f"{scheme}://127.0.0.1:{port}{URL}?timeout=5")


def test_an_unknown_host_is_reported() -> None:
    with pytest.raises(ServerError, match=r"http://host\.invalid:80: cannot connect \("):
        open_model(f"http://host.invalid{URL}")


def test_a_port_of_another_protocol_is_reported() -> None:
    with ExitStack() as opened:
        other = opened.enter_context(socket.create_server(("127.0.0.1", 0)))

        def answer() -> None:
            connection, _ = other.accept()
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-OpenSSH\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        opened.callback(thread.join)
        with pytest.raises(ServerError, match=PROTOCOL + r"the connection broke \("):
            open_model(f"http://127.0.0.1:{other.getsockname()[1]}{URL}")


def test_http_instead_of_grpc_is_reported(server: str) -> None:
    with pytest.raises(
        ServerError, match=r"grpc://127\.0\.0\.1:.*: (cannot connect|the server does not speak)"
    ):
        open_model(server.replace("http", "grpc") + f"{URL}?timeout=5")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """The TLS context of a server, and its certificate, which no authority signed."""
    return make_server_context(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_server(script: Script, tls: tuple[ssl.SSLContext, Path]) -> Iterator[str]:
    with serving(script, tls[0]) as address:
        yield address


def test_an_untrusted_certificate_is_refused(tls_server: str) -> None:
    message = r"the certificate of the server is not trusted \(self.signed certificate\); if you trust its .*"
    with pytest.raises(ServerError, match=message + "set SSL_CERT_FILE to the file of"):
        open_model(tls_server + URL)


def test_an_untrusted_certificate_is_refused_over_grpc(tls_server: str) -> None:
    with pytest.raises(ServerError, match=r"grpcs://.*: the certificate of the server is not trusted|cannot"):
        open_model(tls_server.replace("https", "grpcs") + f"{URL}?timeout=5")


def test_a_trusted_certificate_is_accepted(
    tls_server: str, tls: tuple[ssl.SSLContext, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls[1]))
    open_model(tls_server + URL)


def test_https_for_a_server_without_tls_is_reported(server: str) -> None:
    with pytest.raises(ServerError, match=r"no TLS \(.*\); http:// may be right|the connection broke"):
        open_model(server.replace("http", "https") + URL)


def _rename(metadata: dict[str, Any]) -> None:
    metadata["inputs"][0]["name"] = "other"


def _retype(metadata: dict[str, Any]) -> None:
    metadata["outputs"][0]["datatype"] = "FP16"


def _resize(metadata: dict[str, Any]) -> None:
    metadata["inputs"][0]["shape"][1] = 4


@pytest.mark.parametrize(
    ("change", "kind"), [(_rename, "input data"), (_retype, "output "), (_resize, "input data")]
)
def test_other_tensors_than_those_of_the_manifest_are_refused(
    script: Script, server: str, change: Callable[[dict[str, Any]], None], kind: str
) -> None:
    metadata = {
        "name": "tiny",
        "inputs": tensor_metadata(script.runner.inputs),
        "outputs": tensor_metadata(script.runner.outputs),
    }
    change(metadata)
    script.answers = {MODEL: Answer(body=json.dumps(metadata))}
    message = f"the served model differs from its manifest: the manifest has the {kind}.*write the"
    with pytest.raises(ServerError, match=message):
        open_model(server + URL)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1, 2, 4, 6), "float32"), ((1, 2, 4, 5), "float64"), ((0, 2, 4, 5), "float32")],
)
def test_other_outputs_than_those_of_the_metadata_are_refused(
    script: Script, server: str, shape: tuple[int, ...], dtype: str
) -> None:
    noise = build_noise_input(script.artifact.spec).tensors
    first, *others = script.runner.run(noise).items()
    script.outputs = {first[0]: np.zeros(shape, dtype), **dict(others)}
    size = "x".join(map(str, shape))
    with pytest.raises(
        ServerError, match=f"the server returned the output {first[0]} as {dtype} {size}, exp"
    ):
        open_model(server + URL)


def test_a_damaged_manifest_in_the_config_is_refused(script: Script, server: str) -> None:
    changed = encode(script.artifact).decode().replace('"fp32"', '"fp16"')
    script.answers = {f"{MODEL}/config": _config(**{MANIFEST: changed})}
    with pytest.raises(ManifestError, match="the manifest was damaged or edited"):
        open_model(server + URL)


def test_a_model_that_is_replaced_after_it_was_opened_is_refused(script: Script, server: str) -> None:
    artifact = open_artifact(Path(server + URL))
    files = {"tiny.onnx": "0" * 64}
    script.artifact = replace(script.artifact, files=files)
    with pytest.raises(
        ServerError, match="the server replaced the model after it was opened; run the command"
    ):
        open_runner(artifact, RunOptions())


def test_a_missing_manifest_file_is_reported(server: str) -> None:
    with pytest.raises(PoseDeployError, match=r"missing\.json: "):
        open_model(f"{server}{URL}?manifest=missing.json")
