"""Drawn people with known joints, to calibrate, prove and train with; needs NumPy and OpenCV only.

``draw(seed, index)`` gives one image and what is true of it, the same on every machine with the same OpenCV.
"""

from posedeploy.samples.body import JOINTS
from posedeploy.samples.draws import Draws
from posedeploy.samples.figure import PARTS
from posedeploy.samples.scene import LONGEST, SHORTEST, Person, Scene, draw

__all__ = ["JOINTS", "LONGEST", "PARTS", "SHORTEST", "Draws", "Person", "Scene", "draw"]
