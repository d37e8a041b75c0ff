"""Drawn people with known joints, to calibrate, prove and train with; needs NumPy and OpenCV only.

``draw(seed, index)`` gives one image and what is true of it, the same on every machine with the same OpenCV.
"""

from posedeploy.synthetic.body import JOINTS
from posedeploy.synthetic.figure import PARTS
from posedeploy.synthetic.rng import Rng
from posedeploy.synthetic.scene import LONGEST, SHORTEST, Person, Scene, draw

__all__ = ["JOINTS", "LONGEST", "PARTS", "SHORTEST", "Person", "Rng", "Scene", "draw"]
