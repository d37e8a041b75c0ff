"""A network that Triton runs with posedeploy, for targets without a backend of Triton."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.served_parameters import FILE
from posedeploy.triton_models.responses import parameters_of, respond
from posedeploy.types import RunOptions


class TritonPythonModel:
    """The network of one model file."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the file, whose hash must be the one that its manifest records."""
        folder = Path(args["model_repository"]) / args["model_version"]
        artifact = open_artifact(folder / parameters_of(args)[FILE])
        device = "cuda" if args["model_instance_kind"] == "GPU" else "cpu"
        self._runner = open_runner(artifact, RunOptions(device))

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Run the network on each request."""
        return respond(requests, self._runner.run)

    def finalize(self) -> None:
        """Release the resources."""
        self._runner.close()
