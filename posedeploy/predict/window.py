"""A window on the screen, by pygame: the OpenCV that is installed here has none."""

from __future__ import annotations

import os

import cv2
import numpy as np

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # or it greets on stdout

import pygame

from posedeploy.closable import Closable
from posedeploy.errors import InputError
from posedeploy.types import Array

POLL_MS = 20
BLIND_DRIVERS = ("offscreen", "dummy")
"""SDL's drivers that show nothing: it takes one without a word where there is no display."""


class Window(Closable):
    """Shows pictures. Keys: p pauses, q or Escape ends. Use it from the main thread, as a context manager."""

    def __init__(self, title: str) -> None:
        """
        Raises:
            InputError: there is no display.
        """
        refusal = "a window was asked for and there is no display here; leave `show` out, or use a desktop"
        try:
            pygame.display.init()
        except pygame.error as error:
            raise InputError(f"{refusal} (SDL says: {error})") from error
        driver = pygame.display.get_driver()
        if driver in BLIND_DRIVERS and os.environ.get("SDL_VIDEODRIVER") != driver:
            pygame.display.quit()
            raise InputError(refusal)
        pygame.display.set_caption(title)
        self._screen: tuple[int, int] = pygame.display.get_desktop_sizes()[0]
        self._paused = False

    def show(self, image: Array, hold: bool = False) -> bool:
        """Show a (H, W, 3) uint8 BGR image, smaller where the screen is; False once the user wants to end.

        Args:
            hold: wait for a key.
        """
        self._draw(_fitted(image, self._screen))
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
        """Close the window. Closing twice does nothing."""
        pygame.display.quit()

    def _draw(self, image: Array) -> None:
        height, width = image.shape[:2]
        surface = pygame.display.get_surface()
        if surface is None or surface.get_size() != (width, height):
            surface = pygame.display.set_mode((width, height))
        surface.blit(pygame.image.frombuffer(image.tobytes(), (width, height), "BGR"), (0, 0))
        pygame.display.flip()


def _fitted(image: Array, screen: tuple[int, int]) -> Array:
    """The image, or a smaller one that leaves room for the window's frame."""
    height, width = image.shape[:2]
    scale = 0.9 * min(screen[0] / width, screen[1] / height)
    if scale >= 1:
        return image
    size = np.maximum(1, (int(width * scale), int(height * scale))).tolist()
    smaller: Array = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return smaller
