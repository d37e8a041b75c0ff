"""Hashes of images: of their pixels, and a perceptual one that near-duplicates share."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

from posedeploy.types import Array

SIDE = 8
NEAR_BITS = 5
"""Perceptual hashes of near-duplicates differ in at most this many of 64 bits: those of re-encoded and scaled
copies in about 3, of different photographs in 15 and more."""


def pixel_hash(image: Array) -> str:
    """Return the SHA-256 of the size and the pixels of an (H, W, 3) uint8 image."""
    content = hashlib.sha256(repr(image.shape).encode())
    content.update(image.tobytes())
    return content.hexdigest()


def perceptual_hash(image: Array) -> str:
    """Return 64 bits as 16 hexadecimal digits: where brightness rises from left to right in 8x9 cells."""
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    cells = cv2.resize(gray, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)
    return np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes().hex()


def are_near(first: str, second: str) -> bool:
    """Return whether two perceptual hashes are of near-duplicates."""
    return (int(first, 16) ^ int(second, 16)).bit_count() <= NEAR_BITS


def count_near_duplicates(hashes: list[str]) -> int:
    """Return the number of images that nearly repeat an earlier one that itself repeats none."""
    distinct: list[str] = []
    for each in hashes:
        if not any(are_near(each, other) for other in distinct):
            distinct.append(each)
    return len(hashes) - len(distinct)
