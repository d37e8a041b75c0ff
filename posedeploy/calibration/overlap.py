"""Images that a network was calibrated with, among those that it is tested on."""

from __future__ import annotations

import logging

from posedeploy.calibration.image_hashes import are_near, perceptual_hash, pixel_hash
from posedeploy.errors import InputError
from posedeploy.printable import counted, listed
from posedeploy.types import Array, Calibration

logger = logging.getLogger(__name__)


class OverlapCheck:
    """Finds calibration images: those with the same pixels, and those that nearly repeat one.

    calibration: None for a network that was not calibrated, for which nothing is computed.
    """

    def __init__(self, calibration: Calibration | None) -> None:
        self._pixels = set(calibration.pixels if calibration else ())
        self._perceptual = calibration.perceptual if calibration else ()
        self._same: list[str] = []
        self._near: list[str] = []

    def add(self, name: str, image: Array) -> None:
        """Compare an (H, W, 3) uint8 image with the calibration set."""
        if not self._pixels:
            return
        if pixel_hash(image) in self._pixels:
            self._same.append(name)
            return
        own = perceptual_hash(image)
        if any(are_near(own, each) for each in self._perceptual):
            self._near.append(name)

    def report(self, subject: str, count: int, fix: str) -> None:
        """Log the images that nearly repeat a calibration image.

        Args:
            subject: the argument with the images. count: the number of images. fix: how to avoid the error.

        Raises:
            InputError: some of the images are calibration images.
        """
        if self._same:
            raise InputError(
                f"{subject}: {len(self._same)} of {counted(count, 'image')} "
                f"{'was' if len(self._same) == 1 else 'were'} used to calibrate this network, so the errors "
                f"would be too small ({listed(self._same)}); {fix}"
            )
        if self._near:
            logger.warning(
                f"{len(self._near)} of {counted(count, 'image')} nearly repeat calibration images, so their "
                f"errors may be too small: {listed(self._near)}"
            )
