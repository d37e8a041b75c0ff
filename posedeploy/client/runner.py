"""Run a network on a model server, like any other runtime."""

from __future__ import annotations

from pathlib import Path

from posedeploy.client.served_model import ServedModel, connect, describe
from posedeploy.errors import ArtifactError, DeviceError, ServerError
from posedeploy.model_urls import parse_model_url
from posedeploy.runtimes.base import Runner
from posedeploy.types import Artifact, Ranges, RunOptions, RuntimeInfo, Tensors, TensorSpec


class ServedModelRunner(Runner):
    """A network on a server. A run includes the transfer of the inputs and outputs."""

    def __init__(self, artifact: Artifact, options: RunOptions) -> None:
        """
        Raises:
            DeviceError: an option is set that the server decides.
            ServerError: the server cannot be reached, or the model is missing, not ready or another one than
                ``artifact``.
        """
        self._url = artifact.path
        _check_options(options, str(self._url))
        address = parse_model_url(self._url)
        self._connection = connect(address)
        try:
            model = describe(self._url, address, self._connection)
            _check_unchanged(artifact, model)
        except BaseException:
            self._connection.close()
            raise
        self.inputs, self.outputs = model.inputs, model.outputs
        self._max_batch_size = model.max_batch_size
        self._names = model.server_names
        self._received = {self._names[tensor.name]: tensor for tensor in model.outputs}
        self.runtime_info = RuntimeInfo(
            model.server.name,
            model.server.version,
            f"{address.server}, transfer included",
            artifact.precision,
            None,
            {"platform": model.platform, "times": "include the transfer of the tensors over the network"},
        )

    @property
    def ranges(self) -> Ranges:
        """The batches from 1 to that of the server, if only the batch is dynamic."""
        if not self._max_batch_size or any(_has_dynamic_size(tensor) for tensor in self.inputs):
            return {}
        return {
            tensor.name: (_with_batch(tensor, 1), _with_batch(tensor, self._max_batch_size))
            for tensor in self.inputs
            if tensor.is_dynamic
        }

    def _run(self, tensors: Tensors) -> Tensors:
        sent = {self._names[name]: array for name, array in tensors.items()}
        outputs = self._connection.infer(sent, list(self._received))
        for name, tensor in self._received.items():
            array = outputs[name]
            if array.dtype.name != tensor.dtype or not tensor.accepts(array.shape):
                raise ServerError(
                    f"{self._url}: the server returned the output {name} as {array.dtype.name} "
                    f"{'x'.join(map(str, array.shape))}, expected {tensor}; the model on the server is not "
                    "the one that its metadata describes: write the bundle again"
                )
        return {tensor.name: outputs[name] for name, tensor in self._received.items()}

    def _close(self) -> None:
        self._connection.close()


def load_served_model(url: Path, runtime: str | None) -> type[ServedModelRunner]:
    """Return the runner class for a served model.

    Raises:
        ArtifactError: a runtime is requested, which the server decides.
    """
    if runtime is not None:
        raise ArtifactError(f"`runtime={runtime}`: the server decides the runtime of {url}; leave it out")
    return ServedModelRunner


def _check_options(options: RunOptions, url: str) -> None:
    for name, value, default in (
        ("device", options.device, "cpu"),
        ("precision", options.precision, None),
        ("threads", options.threads, None),
    ):
        if value != default:
            raise DeviceError(
                f"`{name}={value}`: the server decides the {name} of {url}; leave it out, and set it in the "
                "server's config"
            )


def _check_unchanged(artifact: Artifact, model: ServedModel) -> None:
    files = {} if model.manifest is None else model.manifest.files
    if dict(files) != dict(artifact.files):
        raise ServerError(
            f"{artifact.path}: the server replaced the model after it was opened; run the command again"
        )


def _has_dynamic_size(tensor: TensorSpec) -> bool:
    return any(isinstance(length, str) for length in tensor.shape[1:])


def _with_batch(tensor: TensorSpec, batch: int) -> tuple[int, ...]:
    first, *lengths = tensor.shape
    return (batch if isinstance(first, str) else first, *map(int, lengths))
