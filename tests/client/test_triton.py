"""A bundle on a real Triton server, over HTTP and gRPC."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import tritonclient.http
from typer.testing import CliRunner

import posedeploy
from posedeploy import BundleOptions, ExportOptions
from posedeploy.benchmarks.inputs import build_noise_input
from posedeploy.cli import app
from posedeploy.errors import ServerError
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import Artifact, RunOptions
from tests.support.triton import Triton, install_triton, running_triton

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Deployment:
    """The sample on a server: its model file, an image of people, and the server."""

    artifact: Artifact
    image: Path
    triton: Triton


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("triton")
    install_triton(folder)
    options = ExportOptions(dynamic=True)
    (artifact,) = posedeploy.export(posedeploy.load_sample(), "onnx", folder / "out", options=options)
    repository = folder / "models"
    posedeploy.bundle(artifact, "triton", repository, BundleOptions(python_backend=True, name="human"))
    changed = posedeploy.bundle(
        artifact, "triton", folder / "b", BundleOptions(python_backend=True, name="changed", poses=False)
    )
    with (changed.folder / "changed" / "1" / artifact.path.name).open("ab") as file:
        file.write(b"\0")
    (changed.folder / "changed").rename(repository / "changed")
    CliRunner().invoke(app, ["synthetic", "--count", "1", "--seed", "2", "-o", str(folder / "people")])
    picture = cv2.imread(str(folder / "people" / "000000.png"))
    cv2.imwrite(str(folder / "people.png"), cv2.resize(picture, (256, 192)))
    with running_triton(folder, repository, folder / "triton.log") as triton:
        yield Deployment(artifact, folder / "people.png", triton)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_triton_returns_the_outputs_of_the_file(deployed: Deployment, scheme: str) -> None:
    artifact = open_artifact(Path(f"{getattr(deployed.triton, scheme)}/human"))
    assert (artifact.spec, artifact.files) == (deployed.artifact.spec, deployed.artifact.files)
    tensors = build_noise_input(artifact.spec, batch=2, size=(64, 96)).tensors
    with (
        open_runner(artifact, RunOptions()) as served,
        open_runner(deployed.artifact, RunOptions()) as local,
    ):
        assert served.runtime_info.runtime == "triton"
        outputs, expected = served.run(tensors), local.run(tensors)
        with pytest.raises(ServerError, match=r"the model human failed \(.*batch-size must be <= 8"):
            served.run(build_noise_input(artifact.spec, batch=9, size=(64, 96)).tensors)
    for name, array in expected.items():
        np.testing.assert_allclose(outputs[name], array, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_predict_on_triton_writes_the_poses_of_the_file(deployed: Deployment, scheme: str) -> None:
    with (
        posedeploy.load(f"{getattr(deployed.triton, scheme)}/human") as served,
        posedeploy.load(deployed.artifact) as local,
    ):
        poses, expected = served(deployed.image), local(deployed.image)
    assert len(expected) > 0
    np.testing.assert_allclose(poses.keypoints, expected.keypoints, atol=1e-3)


def test_parity_proves_what_triton_serves(deployed: Deployment) -> None:
    report = posedeploy.compare(
        f"{deployed.triton.http}/human", against=deployed.artifact, images=deployed.image
    )
    assert report.passed
    assert report.results[0].model_sha256 == deployed.artifact.files
    assert report.results[0].label == f"{deployed.triton.http}/human"


def test_triton_returns_the_people_in_an_encoded_image(deployed: Deployment) -> None:
    image = np.fromfile(deployed.image, np.uint8)
    tensor = tritonclient.http.InferInput("image", [len(image)], "UINT8").set_data_from_numpy(image)
    client = tritonclient.http.InferenceServerClient(deployed.triton.http.split("/")[2])
    result = client.infer("human_poses", [tensor])
    with posedeploy.load(deployed.artifact) as local:
        expected = local(deployed.image)
    np.testing.assert_allclose(result.as_numpy("keypoints"), expected.keypoints, atol=1e-3)
    np.testing.assert_allclose(result.as_numpy("scores"), expected.scores, atol=1e-3)
    document = json.loads(result.as_numpy("poses")[0])
    assert len(document["annotations"]) == len(expected)
    assert document["producer"]["artifact_sha256"] == deployed.artifact.files


def test_triton_reports_bytes_that_are_not_an_image(deployed: Deployment) -> None:
    text = np.frombuffer(b"not an image", np.uint8)
    tensor = tritonclient.http.InferInput("image", [len(text)], "UINT8").set_data_from_numpy(text)
    client = tritonclient.http.InferenceServerClient(deployed.triton.http.split("/")[2])
    with pytest.raises(tritonclient.http.InferenceServerException, match="image: not an image but a text"):
        client.infer("human_poses", [tensor])


@pytest.mark.parametrize("scheme", ["http", "grpc"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("changed", r"the model changed is not ready \(UNAVAILABLE: .*SHA-256"),
        ("other", r"the model other is unknown or not ready \(.*\); the server has human"),
        ("human_poses", "this model takes encoded images and returns poses, but posedeploy runs networks"),
    ],
)
def test_a_model_that_triton_does_not_serve_is_reported(
    deployed: Deployment, scheme: str, name: str, message: str
) -> None:
    with pytest.raises(ServerError, match=message):
        open_artifact(Path(f"{getattr(deployed.triton, scheme)}/{name}"))
