"""Images of synthetic people with known joints, for calibration, parity and training (NumPy, OpenCV).

``generate_scene(seed, index)`` returns one image with its ground truth, the same on every machine with the
same OpenCV. ``generate_keypoints`` returns the 2D keypoints of a person only.
"""

from posedeploy.synthetic.body import JOINTS
from posedeploy.synthetic.figure import PARTS
from posedeploy.synthetic.rng import Rng
from posedeploy.synthetic.scene import (
    MAX_SIDE,
    MIN_SIDE,
    Scene,
    SyntheticPerson,
    generate_keypoints,
    generate_scene,
)

__all__ = [
    "JOINTS",
    "MAX_SIDE",
    "MIN_SIDE",
    "PARTS",
    "Rng",
    "Scene",
    "SyntheticPerson",
    "generate_keypoints",
    "generate_scene",
]
