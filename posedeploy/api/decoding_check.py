"""The check of a user's own network before its export: its outputs must decode into poses."""

from __future__ import annotations

import logging

import numpy as np

from posedeploy.api.open_models import open_pytorch_runner
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.benchmarks.inputs import SEED, build_image_inputs, generate_noise_images
from posedeploy.benchmarks.synthetic_inputs import build_people_inputs
from posedeploy.decoders import decoder_of
from posedeploy.errors import InputError
from posedeploy.families import has_decoding, list_decodable, poses_of
from posedeploy.keypoint_descriptions import find_missing_description
from posedeploy.predict.chain import check_family
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.types import Camera, Model, ModelSpec, RunOptions

logger = logging.getLogger(__name__)
IMAGENET_RGB = (123.675, 116.28, 103.53)
"""The mean of ImageNet as published, in RGB order."""


def check_decoding(model: Model) -> None:
    """Run a user's own network once and decode its outputs, so that a wrong contract fails before the export.

    A network of an unknown family, or whose keypoints are not described, is not checked.

    Raises:
        InputError: the contract does not fit the decoding of its family.
    """
    spec = model.spec
    _report_color_order(spec)
    if not has_decoding(spec.family):
        logger.info(
            f"the contract of {model.network} has no family, so its outputs are not decoded into poses; "
            f"the families are {', '.join(list_decodable())}"
        )
        return
    if find_missing_description(spec):
        return
    try:
        check_family(spec)
        _decode_once(model, spec)
    except InputError as error:
        raise InputError(
            f"{model.network}: its contract does not fit the decoding of {spec.family}: {error}"
        ) from error
    _report_unused_first_keypoint(spec)


def _decode_once(model: Model, spec: ModelSpec) -> None:
    if spec.contract is None:
        network_input = build_people_inputs(spec, 1, seed=SEED)[0]
    else:
        fixed = with_fixed_size(spec)
        network_input = build_image_inputs(fixed, [("noise", generate_noise_images(fixed, 1)[0])])[0]
    with open_pytorch_runner(model, RunOptions()) as runner:
        outputs = adapt_runner(runner, spec).run(network_input.tensors)
    batch = {name: array[:1] for name, array in outputs.items()}
    decoder_of(spec, Camera())(batch, network_input.placements[0])


def _report_unused_first_keypoint(spec: ModelSpec) -> None:
    """Log that no limb has the first keypoint, which happens if the skeleton counts from 1."""
    indices = {index for pair in spec.skeleton for index in pair}
    if indices and 0 not in indices:
        logger.info(
            f"no limb in skeleton has keypoint 0 ({spec.keypoint_names[0]}); if skeleton counts keypoints "
            "from 1, subtract 1 from each number"
        )


def _report_color_order(spec: ModelSpec) -> None:
    """Log that the RGB mean of ImageNet is applied to BGR images, unless the family was published so."""
    contract = spec.contract
    if contract is None or contract.color_order != "BGR":
        return
    published = poses_of(spec.family).CONTRACT if has_decoding(spec.family) else None
    is_published = published is not None and published.color_order == "BGR"
    if not is_published and np.allclose(contract.mean, IMAGENET_RGB, atol=1):
        logger.info(
            "mean is the ImageNet mean in RGB order, but color_order is BGR; if the network was trained on "
            'RGB images, write color_order = "RGB" under [input]'
        )
