from __future__ import annotations

import cv2
import numpy as np
import pytest

from posedeploy.poses.affinity import list_candidates
from posedeploy.poses.fields import upsample_fields
from posedeploy.poses.limbs import FIELDS, LIMBS, PUBLISHED
from posedeploy.poses.maps import upsample
from posedeploy.poses.peaks import find_peaks
from tests.support.synthetic_maps import crowd


@pytest.mark.parametrize("interpolation", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
@pytest.mark.parametrize("seed", range(6))
def test_upsampled_crops_equal_the_upsampled_map(seed: int, interpolation: int) -> None:
    random = np.random.default_rng(seed)
    maps = crowd(seed % 4, height=int(random.integers(8, 40)), width=int(random.integers(8, 60)), seed=seed)
    peaks = find_peaks(upsample(maps.heatmaps[:18], interpolation))
    whole = upsample(maps.pafs, interpolation)
    fields = upsample_fields(maps.pafs, peaks, PUBLISHED, interpolation)
    pairs = list_candidates(peaks, PUBLISHED)
    for end in (pairs.a, pairs.b):
        x, y = peaks.x[end].astype(np.int32), peaks.y[end].astype(np.int32)
        got = fields.at(pairs.limb, x[:, None], y[:, None])[:, 0]
        channel = 2 * np.array(FIELDS)[pairs.limb]
        np.testing.assert_allclose(got[:, 0], whole[y, x, channel], rtol=0, atol=1e-6)
        np.testing.assert_allclose(got[:, 1], whole[y, x, channel + 1], rtol=0, atol=1e-6)


def test_candidates_are_all_pairs_of_each_limb() -> None:
    peaks = find_peaks(upsample(crowd(3, seed=1).heatmaps[:18], cv2.INTER_CUBIC))
    pairs = list_candidates(peaks, PUBLISHED)
    counts = np.diff(peaks.first)
    assert np.bincount(pairs.limb, minlength=19).tolist() == [int(counts[a] * counts[b]) for a, b in LIMBS]
    kind = np.repeat(np.arange(18), counts)
    assert {(int(a), int(b)) for a, b in zip(kind[pairs.a], kind[pairs.b], strict=True)} <= set(LIMBS)
    assert len({*zip(pairs.limb.tolist(), pairs.a.tolist(), pairs.b.tolist(), strict=True)}) == len(pairs)
