"""Servers that speak gRPC, with faults, and with outputs as numbers instead of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from posedeploy.errors import ServerError
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import RunOptions

INPUT = np.arange(6, dtype=np.float32).reshape(2, 3)


@dataclass
class Service(service_pb2_grpc.GRPCInferenceServiceServicer):
    """A model ``double`` of any number of rows.

    failures: the status of each call that fails, by its name. numbers: the name of the field for the output;
    '' for bytes. has_output: whether the response has the output.
    """

    failures: dict[str, grpc.StatusCode] = field(default_factory=dict)
    numbers: str = ""
    has_output: bool = True

    def ServerMetadata(self, request: Any, context: Any) -> Any:
        return service_pb2.ServerMetadataResponse(name="test", version="1")

    def ModelMetadata(self, request: Any, context: Any) -> Any:
        tensors = [
            service_pb2.ModelMetadataResponse.TensorMetadata(name=name, datatype="FP32", shape=[-1, 3])
            for name in ("data", "doubled")
        ]
        return service_pb2.ModelMetadataResponse(name="double", inputs=tensors[:1], outputs=tensors[1:])

    def ModelReady(self, request: Any, context: Any) -> Any:
        return service_pb2.ModelReadyResponse(ready=True)

    def ModelConfig(self, request: Any, context: Any) -> Any:
        if "ModelConfig" in self.failures:
            context.abort(self.failures["ModelConfig"], "no memory")
        return service_pb2.ModelConfigResponse(config=model_config_pb2.ModelConfig())

    def ModelInfer(self, request: Any, context: Any) -> Any:
        if not self.has_output:
            return service_pb2.ModelInferResponse(model_name="double")
        doubled = np.frombuffer(request.raw_input_contents[0], np.float32) * 2
        output = service_pb2.ModelInferResponse.InferOutputTensor(
            name="doubled", datatype="FP32", shape=request.inputs[0].shape
        )
        if self.numbers:
            getattr(output.contents, self.numbers).extend(doubled.tolist())
        raw = [] if self.numbers else [doubled.tobytes()]
        return service_pb2.ModelInferResponse(outputs=[output], raw_output_contents=raw)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def url(service: Service) -> Iterator[Path]:
    """The URL of the model on a server."""
    server = grpc.server(ThreadPoolExecutor(2))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield Path(f"grpc://127.0.0.1:{port}/v2/models/double?timeout=20")
    server.stop(None).wait()


@pytest.mark.parametrize("numbers", ["", "fp32_contents"])
@pytest.mark.parametrize("rows", [2, 0])
def test_outputs_are_bytes_or_numbers(service: Service, url: Path, numbers: str, rows: int) -> None:
    service.numbers = numbers
    with open_runner(open_artifact(url), RunOptions()) as runner:
        doubled = runner.run({"data": INPUT[:rows]})["doubled"]
    np.testing.assert_array_equal(doubled, INPUT[:rows] * 2)
    assert doubled.dtype == np.float32 and doubled.flags.owndata and doubled.flags.writeable


def test_a_missing_output_is_reported(service: Service, url: Path) -> None:
    service.has_output = False
    with (
        open_runner(open_artifact(url), RunOptions()) as runner,
        pytest.raises(ServerError, match=r"the outputs of the model double are missing or damaged \("),
    ):
        runner.run({"data": INPUT})


def test_a_server_without_configs_has_no_manifest(service: Service, url: Path) -> None:
    service.failures = {"ModelConfig": grpc.StatusCode.UNIMPLEMENTED}
    assert open_artifact(url).provenance is None


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            r"the config of the model double cannot be read \(no memory\), so",
        ),
        (grpc.StatusCode.PERMISSION_DENIED, r"access is denied \(PERMISSION_DENIED\): "),
    ],
)
def test_a_config_that_cannot_be_read_is_reported(
    service: Service, url: Path, status: grpc.StatusCode, message: str
) -> None:
    service.failures = {"ModelConfig": status}
    with pytest.raises(ServerError, match=message):
        open_artifact(url)
