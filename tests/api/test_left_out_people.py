"""Remarks of a network on people that it leaves out."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from posedeploy.api.pose_estimator import PoseEstimator
from posedeploy.types import Array, Camera
from tests.poses.helpers import some_poses


def test_people_that_are_left_out_are_logged_once(photo: Array, caplog: pytest.LogCaptureFixture) -> None:
    network: Any = SimpleNamespace(remarks=[])

    def stream(frames: Any) -> Any:
        for frame in frames:
            network.remarks.append(f"{frame.label}: person 0 is left out")
            yield frame, some_poses([[(5.0, 5.0)]])

    network.stream = stream
    artifact: Any = SimpleNamespace(spec=SimpleNamespace(joints=None))
    producer: Any = SimpleNamespace(runtime=None)
    estimator = PoseEstimator(
        network, artifact, producer, ExitStack(), Camera(), None, has_detector=True, is_refined=False
    )
    for _ in range(2):
        caplog.clear()
        estimator(photo)
        assert caplog.messages == ["image: person 0 is left out"]
    assert network.remarks == []
