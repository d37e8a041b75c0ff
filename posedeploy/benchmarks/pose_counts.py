"""Counts of people and keypoints, summed over the images of a comparison."""

from __future__ import annotations

from typing import Protocol

from posedeploy.printable import counted


class ImageCounts(Protocol):
    """The counts of one image."""

    @property
    def people(self) -> int:
        """Matched pairs of people."""

    @property
    def missed(self) -> int:
        """People of the reference that the candidate lacks."""

    @property
    def extra(self) -> int:
        """People of the candidate that the reference lacks."""

    @property
    def keypoints(self) -> int:
        """Keypoints that both models found."""

    @property
    def unmatched_keypoints(self) -> int:
        """Keypoints found by only one of the two models."""

    @property
    def ambiguous(self) -> int:
        """Ambiguous keypoints and 3D joints."""


class PoseCounts:
    """The same counts of all images, for a class with ``images``."""

    images: tuple[ImageCounts, ...]

    @property
    def people(self) -> int:
        """Matched pairs of people."""
        return sum(image.people for image in self.images)

    @property
    def missed(self) -> int:
        """People of the reference that the candidate lacks."""
        return sum(image.missed for image in self.images)

    @property
    def extra(self) -> int:
        """People of the candidate that the reference lacks."""
        return sum(image.extra for image in self.images)

    @property
    def keypoints(self) -> int:
        """Keypoints that both models found."""
        return sum(image.keypoints for image in self.images)

    @property
    def unmatched_keypoints(self) -> int:
        """Keypoints found by only one of the two models."""
        return sum(image.unmatched_keypoints for image in self.images)

    @property
    def ambiguous(self) -> int:
        """Ambiguous keypoints and 3D joints."""
        return sum(image.ambiguous for image in self.images)

    def describe_people(self) -> str:
        """Return the counts of people, such as ``1 person matched, 0 missed, 2 extra``."""
        return f"{counted(self.people, 'person', 'people')} matched, {self.missed} missed, {self.extra} extra"
