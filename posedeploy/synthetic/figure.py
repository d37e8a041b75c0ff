"""One person in front of the camera, and the body parts that are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posedeploy.synthetic.body import HEAD_POINTS, INDEX, Physique, Skeleton
from posedeploy.synthetic.outfit import Outfit
from posedeploy.types import Array

HEAD_PARTS = ("head", "hair", "r_ear", "l_ear")
PARTS = (
    "torso", "neck", "r_upper_arm", "r_forearm", "l_upper_arm", "l_forearm", "r_thigh", "r_shin", "r_foot",
    "l_thigh", "l_shin", "l_foot", "skirt", *HEAD_PARTS,
)  # fmt: skip
"""The parts of a figure. The owner of a pixel is ``figure * MAX_PARTS + 1 +`` the index of the part."""
MAX_PARTS = 32
_THICKNESS = {
    "sho": 0.034, "elb": 0.026, "wri": 0.018, "hand": 0.021, "hip": 0.054, "knee": 0.034, "ank": 0.022,
    "heel": 0.019, "toe": 0.014, "neck": 0.030,
}  # fmt: skip
"""Half the thickness of the limb at each joint, as a fraction of the stature."""


@dataclass(frozen=True)
class Figure:
    """One person in front of the camera.

    camera_joints: (len(JOINTS), 3) mm in camera coordinates. points: (len(JOINTS), 2) px. scale:
    (len(JOINTS),) px per mm at each joint. number: 0, 1, ... within the image.
    """

    number: int
    physique: Physique
    outfit: Outfit
    skeleton: Skeleton
    camera_joints: Array
    points: Array
    scale: Array

    def owner(self, part: str) -> int:
        """Return the owner of the pixels that show this part of this figure."""
        return self.number * MAX_PARTS + 1 + PARTS.index(part)

    def point(self, joint: str) -> Array:
        """Return (2,) px of a joint."""
        point: Array = self.points[INDEX[joint]]
        return point

    def depth(self, *joints: str) -> float:
        """Return the mean distance of the joints from the camera, in mm."""
        return float(np.mean([self.camera_joints[INDEX[joint], 2] for joint in joints]))

    def facing(self, joint: str) -> float:
        """Return the cosine of a head point's normal to the line of sight: negative towards the camera."""
        normal = np.array(HEAD_POINTS[joint])
        return float((self.skeleton.head @ normal)[2] / np.linalg.norm(normal))

    def radius(self, joint: str, factor: float = 1.0) -> float:
        """Return half the thickness of the body at a joint, in px."""
        thickness = _THICKNESS[joint.split("_")[-1]] * self.physique.stature * self.physique.girth
        return float(thickness * self.scale[INDEX[joint]] * factor)
