"""The tiny network on a local server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import Artifact, RunOptions
from tests.client.protocol_server import Script, serving


@pytest.fixture
def script(exported: dict[str, Artifact]) -> Iterator[Script]:
    """What the server answers; a test may change it."""
    with open_runner(exported["onnx"], RunOptions()) as runner:
        yield Script(exported["onnx"], runner)


@pytest.fixture
def server(script: Script) -> Iterator[str]:
    """The address of a server of the model ``tiny``."""
    with serving(script) as address:
        yield address
