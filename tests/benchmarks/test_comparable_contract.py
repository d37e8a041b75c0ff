"""Two descriptions are compared as far as the steps that the files embed allow it."""

from __future__ import annotations

from dataclasses import replace

from posedeploy.benchmarks.comparable_contract import describe_embedded_steps, select_comparable_contract
from posedeploy.benchmarks.description_differences import list_preprocessing_differences
from posedeploy.types import InputContract, Model, ModelSpec

OWN = InputContract(64, 96, (120.0, 120.0, 120.0), (60.0, 60.0, 60.0), "BGR")
OTHER = replace(OWN, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), embedded=("normalization",))


def specs(tiny: Model, reference: InputContract, candidate: InputContract) -> tuple[ModelSpec, ModelSpec]:
    return replace(tiny.spec, contract=reference), replace(tiny.spec, contract=candidate)


def test_the_values_of_a_step_in_the_reference_are_not_compared(tiny: Model) -> None:
    reference, candidate = specs(tiny, replace(OTHER, padding=120), OWN)
    assert select_comparable_contract(reference.contract or OWN, OWN).mean == OWN.mean
    assert list_preprocessing_differences(reference, candidate) == (
        "contract.padding is unset instead of 120",
    )
    assert describe_embedded_steps(reference, candidate) == (
        "mean and std cannot be compared, because the reference embeds the step"
    )


def test_the_background_of_a_reference_that_embeds_the_normalization_is_compared(tiny: Model) -> None:
    differences = list_preprocessing_differences(*specs(tiny, OTHER, OWN))
    assert differences == ("contract.padding is unset instead of 0",)


def test_a_step_in_the_artifact_is_compared_in_its_network(tiny: Model) -> None:
    reference, candidate = specs(tiny, OWN, replace(OWN, embedded=("normalization", "color")))
    assert list_preprocessing_differences(reference, candidate) == ()
    assert describe_embedded_steps(reference, candidate) == (
        "the model file includes these steps, which are compared as a part of its network: "
        "normalization, color"
    )


def test_files_that_embed_the_same_steps_have_no_note(tiny: Model) -> None:
    assert describe_embedded_steps(*specs(tiny, OTHER, OTHER)) == ""
