from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from posedeploy.errors import InputError, RunnerStateError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.predict.chain import Predictor, concatenate_poses
from posedeploy.predict.frames import Frame
from posedeploy.runtimes.openvino import OpenVinoRunner
from posedeploy.specs import joints_spec
from posedeploy.types import Array, Artifact, RunOptions
from tests.poses.helpers import some_poses
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, CrowdRunner, spec_of
from tests.support.synthetic_maps import crowd

FAMILY = "lightweight-openpose-2d"


def test_people_are_found_at_their_positions(exported: Artifact, photo: Array) -> None:
    with OpenVinoRunner(exported, RunOptions()) as runner:
        poses = Predictor(runner, exported.spec)(photo)
    people = crowd(PEOPLE, HEIGHT // 8, WIDTH // 8).keypoints * 8
    assert len(poses) == PEOPLE
    for person in people:
        distance = np.linalg.norm(poses.keypoints[..., :2] - person, axis=-1).mean(axis=1).min()
        assert distance < 4


@pytest.mark.parametrize("hint", ["latency", "throughput"])
def test_a_stream_returns_the_same_poses_in_order(hint: str, exported: Artifact, photo: Array) -> None:
    frames = [Frame(str(size), photo[:, :size], size) for size in range(200, 440, 20)]
    with OpenVinoRunner(exported, RunOptions(hint=hint)) as runner:  # type: ignore[arg-type]
        predictor = Predictor(runner, exported.spec)
        results = list(predictor.stream(frames))
        alone = [predictor(frame.image) for frame in frames]
    assert [frame.index for frame, _ in results] == [frame.index for frame in frames]
    for (_, poses), expected in zip(results, alone, strict=True):
        np.testing.assert_array_equal(poses.keypoints, expected.keypoints)


def test_threads_share_a_predictor_until_its_runner_is_closed(exported: Artifact, photo: Array) -> None:
    frames = [Frame(str(size), photo[:, :size], size) for size in (240, 320, 400)]

    def poses(frame: Frame) -> Array:
        return predictor(frame.image).keypoints

    with OpenVinoRunner(exported, RunOptions()) as runner, ThreadPoolExecutor(6) as pool:
        predictor = Predictor(runner, exported.spec)
        expected = [poses(frame) for frame in frames]
        streams = [pool.submit(list, predictor.stream(frames)) for _ in range(3)]
        for found in pool.map(lambda frame: poses(frame), frames * 3):
            assert any(np.array_equal(found, one) for one in expected)
        for stream in streams:
            for (_, found), one in zip(stream.result(), expected, strict=True):
                np.testing.assert_array_equal(found.keypoints, one)
        half_way = predictor.stream(frames)
        next(half_way)
    for use in (lambda: poses(frames[0]), lambda: list(predictor.stream(frames)), lambda: next(half_way)):
        with pytest.raises(RunnerStateError, match="this runner is closed"):
            use()


def test_an_unknown_family_is_refused() -> None:
    spec = spec_of(FAMILY, height=HEIGHT, width=WIDTH)
    with pytest.raises(
        InputError, match=r"'unknown' of the network is unknown; pass its `family` \(light.* `contract=FILE`"
    ):
        Predictor(CrowdRunner(spec), replace(spec, family="unknown"))


def test_a_network_on_joints_is_refused() -> None:
    spec = joints_spec("gtrs", JOINT_SETS["human36"], 6890)
    with pytest.raises(InputError, match="gtrs takes 2D joints, not images, so it cannot detect people; use"):
        Predictor(CrowdRunner(spec_of(FAMILY)), spec)


def test_joined_poses_keep_every_common_field() -> None:
    one = some_poses(np.ones((1, 2, 2)), vertices=np.zeros((1, 5, 3)))
    two = some_poses(np.ones((2, 2, 2)), vertices=np.ones((2, 5, 3)))
    together = concatenate_poses([one, two])
    assert (len(together), together.keypoints_3d) == (3, None)
    assert together.vertices is not None and together.vertices[:, 0, 0].tolist() == [0, 1, 1]
    assert concatenate_poses([some_poses(np.ones((1, 2, 2)))]).vertices is None


def test_a_fixed_batch_is_refused() -> None:
    spec = spec_of(FAMILY, batch=4, height=HEIGHT, width=WIDTH)
    with pytest.raises(
        InputError, match=r"input data .*4x3x256x456.* has a fixed batch of 4; .*without `batch`, or"
    ):
        Predictor(CrowdRunner(spec), spec)


def test_an_image_of_one_pixel_is_accepted(photo: Array) -> None:
    spec = spec_of(FAMILY, height=HEIGHT, width=WIDTH)
    assert len(Predictor(CrowdRunner(spec), spec)(photo[:1, :1])) == PEOPLE


def test_an_image_too_wide_for_a_free_input_is_refused(photo: Array) -> None:
    spec = spec_of(FAMILY)
    wide = Frame("wide.jpg", np.zeros((100, 20000, 3), np.uint8), 0)
    predictor = Predictor(CrowdRunner(spec), spec)
    with pytest.raises(
        InputError, match=r"wide\.jpg: an image of 20000x100 px would need a network input of"
    ):
        list(predictor.stream([wide]))
    refused: list[str] = []
    results = list(predictor.stream([wide, Frame("fits.jpg", photo, 1)], refused))
    assert [frame.name for frame, _ in results] == ["fits.jpg"]
    assert len(refused) == 1
    assert refused[0].startswith("wide.jpg: an image of 20000x100 px")


def test_an_image_20000_px_wide_fits_a_fixed_input() -> None:
    spec = spec_of(FAMILY, height=HEIGHT, width=WIDTH)
    poses = Predictor(CrowdRunner(spec), spec)(np.zeros((300, 20000, 3), np.uint8))
    assert poses.keypoints[..., 0].max() > WIDTH
