"""Open a model folder of the transformers library as a PyTorch model."""

from __future__ import annotations

from pathlib import Path

from posedeploy import plugins
from posedeploy.checkpoints.hugging_face.architectures import architecture_of
from posedeploy.checkpoints.hugging_face.description import describe_folder
from posedeploy.checkpoints.hugging_face.folder import CONFIG, read_config, read_folder
from posedeploy.checkpoints.output_shapes import measure_outputs
from posedeploy.errors import CheckpointError, first_line
from posedeploy.keypoint_descriptions import check_described
from posedeploy.suppress_output import suppress_python_output
from posedeploy.types import Model, TensorSpec


def open_model_folder(path: Path) -> Model:
    """Load the pose network of a folder with ``config.json`` and weights.

    Raises:
        CheckpointError: a file is missing, damaged or contradicts another, the network is of another kind, or
            the weights do not fit it exactly.
        MissingPackageError: transformers is not installed.
    """
    config = read_config(path)
    row = architecture_of(config, path)
    with suppress_python_output():
        build_network = plugins.load("posedeploy.checkpoints.hugging_face.network:build_network")
    folder = read_folder(path, config)
    module = build_network(folder, row)
    where = str(path)
    keypoints = module.network.config.num_labels
    description = describe_folder(folder, row, keypoints)
    try:
        spec = measure_outputs(module, description, where)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path / CONFIG}: {row.network} does not run ({first_line(error)}); download the folder again"
        ) from error
    tensors = tuple(
        TensorSpec(name, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for name, tensor in folder.tensors.items()
    )
    return Model(module, check_described(spec, where), path, folder.sha256, checkpoint_tensors=tensors)
