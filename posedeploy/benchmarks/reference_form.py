"""A candidate's input, prepared as the contract of the reference requires."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from posedeploy.benchmarks.comparable_contract import select_comparable_contract
from posedeploy.benchmarks.inputs import NetworkInput, build_image_input
from posedeploy.types import ModelSpec


def add_reference_form(
    reference: ModelSpec, candidate: ModelSpec, network_input: NetworkInput
) -> NetworkInput:
    """Return a candidate's input with ``as_reference``, if the contract of the reference gives another one.

    Args:
        candidate: the spec that the input was built for.
    """
    if reference.contract is None or candidate.contract is None or network_input.image is None:
        return network_input
    contract = select_comparable_contract(reference.contract, candidate.contract)
    if contract == candidate.contract:
        return network_input
    spec = replace(candidate, contract=contract)
    form = build_image_input(spec, network_input.name, network_input.image, network_input.box)
    is_same = form.placements == network_input.placements and all(
        np.array_equal(array, network_input.tensors[name]) for name, array in form.tensors.items()
    )
    return network_input if is_same else replace(network_input, as_reference=form)
