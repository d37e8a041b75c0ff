"""The tiny network on every runtime, and its outputs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from posedeploy.types import Artifact, Model, Tensors
from tests.runtimes.runner_cases import PAIRS, SEEDS, Opener, opener_of
from tests.support.networks import outputs_of, tiny_image


@pytest.fixture(params=PAIRS, ids="-on-".join)
def opener(request: pytest.FixtureRequest, tiny: Model, exported: dict[str, Artifact]) -> Iterator[Opener]:
    """Return a function that opens the tiny network, for each target and runtime."""
    threads = torch.get_num_threads()
    target, runtime = request.param
    yield opener_of(target, runtime, tiny, exported)
    torch.set_num_threads(threads)  # torch's are the whole process's


@pytest.fixture(scope="session")
def expected_outputs(tiny: Model) -> list[Tensors]:
    """Return the outputs of PyTorch for the images of ``SEEDS``."""
    return [outputs_of(tiny, tiny_image(seed)) for seed in SEEDS]
