"""A window that shows pictures, with pygame: headless OpenCV has no windows."""

from __future__ import annotations

import os

import cv2
import numpy as np

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # otherwise pygame prints to stdout

import pygame

from posedeploy.closable import Closable
from posedeploy.errors import InputError
from posedeploy.types import Array

POLL_MS = 20
HIDDEN_DRIVERS = ("offscreen", "dummy")
"""SDL drivers without a visible window, which SDL uses if there is no display."""


class Window(Closable):
    """A window for pictures. Keys: p pauses, q or Escape ends. Use it in the main thread, and close it."""

    def __init__(self, title: str) -> None:
        """
        Raises:
            InputError: there is no display.
        """
        message = "`show`: this machine has no display; leave `show` out, or run on a desktop"
        try:
            pygame.display.init()
        except pygame.error as error:
            raise InputError(f"{message} (SDL reports: {error})") from error
        driver = pygame.display.get_driver()
        if driver in HIDDEN_DRIVERS and os.environ.get("SDL_VIDEODRIVER") != driver:
            pygame.display.quit()
            raise InputError(message)
        pygame.display.set_caption(title)
        self._screen: tuple[int, int] = pygame.display.get_desktop_sizes()[0]
        self._paused = False

    def show(self, image: Array, hold: bool = False) -> bool:
        """Show a (H, W, 3) uint8 BGR image, scaled down to the screen; return False if the user ends the run.

        Args:
            hold: wait for a key.
        """
        self._draw(_fit(image, self._screen))
        while True:
            for event in pygame.event.get((pygame.QUIT, pygame.KEYDOWN)):
                if event.type == pygame.QUIT or event.key in (pygame.K_q, pygame.K_ESCAPE):
                    return False
                if event.key == pygame.K_p:
                    self._paused = not self._paused
                else:
                    hold = False
            if not (hold or self._paused):
                return True
            pygame.event.pump()
            pygame.time.wait(POLL_MS)

    def close(self) -> None:
        """Close the window. A second call does nothing."""
        pygame.display.quit()

    def _draw(self, image: Array) -> None:
        height, width = image.shape[:2]
        surface = pygame.display.get_surface()
        if surface is None or surface.get_size() != (width, height):
            surface = pygame.display.set_mode((width, height))
        surface.blit(pygame.image.frombuffer(image.tobytes(), (width, height), "BGR"), (0, 0))
        pygame.display.flip()


def _fit(image: Array, screen: tuple[int, int]) -> Array:
    """Return the image, scaled down if necessary to leave room for the window frame."""
    height, width = image.shape[:2]
    scale = 0.9 * min(screen[0] / width, screen[1] / height)
    if scale >= 1:
        return image
    size = np.maximum(1, (int(width * scale), int(height * scale))).tolist()
    smaller: Array = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return smaller
