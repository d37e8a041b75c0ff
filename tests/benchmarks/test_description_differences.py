"""Differences between the descriptions of a checkpoint and of its artifact."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from posedeploy.benchmarks.description_differences import list_decoding_differences
from posedeploy.poses.one_stage import OneStageOptions
from posedeploy.types import ModelSpec
from tests.support.decoder_specs import describe_network

CONTRACT = 'family = "one-stage"\n[decoding]\nmin_score = 0.3\ncolumns = ["box", "score", "keypoints"]'


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return describe_network(CONTRACT, {"output0": (1, 56, 8400)}, (1, 3, 640, 640))


def test_a_contract_describes_all_options_of_the_decoding(spec: ModelSpec) -> None:
    assert spec.decoding.keys() == {field.name for field in fields(OneStageOptions)}


def test_a_decoding_read_from_json_is_the_same(spec: ModelSpec) -> None:
    recorded = replace(spec, decoding=json.loads(json.dumps(spec.decoding)))
    assert recorded == spec
    assert list_decoding_differences(spec, recorded) == ()


def test_options_that_a_manifest_lacks_have_their_default(spec: ModelSpec) -> None:
    recorded = replace(spec, decoding={"min_score": 0.3})
    assert list_decoding_differences(spec, recorded) == ()


@pytest.mark.parametrize(
    ("name", "value", "phrase"),
    [
        ("min_score", 0.5, "decoding.min_score is 0.5 instead of 0.3"),
        ("box", "corners", "decoding.box is corners instead of center"),
        ("nms", False, "decoding.nms is False instead of True"),
    ],
)
def test_an_option_that_differs_is_named(spec: ModelSpec, name: str, value: object, phrase: str) -> None:
    changed = replace(spec, decoding={**spec.decoding, name: value})
    assert list_decoding_differences(spec, changed) == (phrase,)
