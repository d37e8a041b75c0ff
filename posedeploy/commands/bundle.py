"""``posedeploy bundle``: write an artifact for a model server, and show how to start the server."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from posedeploy.api.bundling import bundle
from posedeploy.bundles.options import BundleOptions, ServerName
from posedeploy.console.output import inform, show_spinner
from posedeploy.errors import InputError

NEXT_STEPS: dict[ServerName, str] = {
    "triton": "start it with: tritonserver --model-repository {folder}",
    "ovms": "start it with: ovms --config_path {folder}/config.json --port 9000 --rest_port 8000",
    "kserve": "copy {folder}/models to the storage URI, then run: kubectl apply -f "
    "{folder}/inference-service.yaml",
}
"""What the user does with the bundle of each server."""


def run(artifact: Path, server: str, output: Path, options: BundleOptions) -> None:
    """Write a bundle and list its files."""
    names: tuple[ServerName, ...] = get_args(ServerName)
    known = [name for name in names if name == server.lower()]
    if not known:
        raise InputError(f"--for {server}: not a supported model server; expected {', '.join(names)}")
    with show_spinner(f"bundling {artifact}"):
        written = bundle(artifact, known[0], output, options)
    for path in written.files:
        inform(f"wrote {written.folder / path}")
    inform(f"models: {', '.join(written.models)}")
    inform(NEXT_STEPS[known[0]].format(folder=written.folder))
