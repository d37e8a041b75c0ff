from __future__ import annotations

import numpy as np
import pytest

pygame = pytest.importorskip("pygame")

from posedeploy.errors import InputError  # noqa: E402
from posedeploy.predict.window import Window  # noqa: E402

IMAGE = np.full((40, 60, 3), (10, 20, 30), np.uint8)


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    return Window("test")


def press(*keys: int) -> None:
    for key in keys:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))


def test_the_window_shows_the_colors_of_the_picture(window: Window) -> None:
    with window:
        assert window.show(IMAGE)
        shown = pygame.display.get_surface()
        assert shown.get_size() == (60, 40)
        assert tuple(shown.get_at((5, 5)))[:3] == (30, 20, 10)
        assert window.show(IMAGE[:20])
        assert pygame.display.get_surface().get_size() == (60, 20)


def test_a_picture_larger_than_the_screen_is_scaled_down(window: Window) -> None:
    with window:
        width, height = pygame.display.get_desktop_sizes()[0]
        assert window.show(np.zeros((height * 2, width, 3), np.uint8))
        assert pygame.display.get_surface().get_height() <= height


@pytest.mark.parametrize("key", ["K_q", "K_ESCAPE"])
def test_q_and_escape_close_the_window(key: str, window: Window) -> None:
    with window:
        press(getattr(pygame, key))
        assert not window.show(IMAGE)


def test_the_close_button_closes_the_window(window: Window) -> None:
    with window:
        pygame.event.post(pygame.event.Event(pygame.QUIT))
        assert not window.show(IMAGE)
    window.close()


def test_p_pauses_and_resumes(window: Window) -> None:
    with window:
        press(pygame.K_p, pygame.K_SPACE, pygame.K_p)
        assert window.show(IMAGE)
        press(pygame.K_p)
        pygame.time.set_timer(pygame.event.Event(pygame.QUIT), 60, 1)
        assert not window.show(IMAGE)  # paused until it is closed


def test_a_single_picture_stays_until_a_key_is_pressed(window: Window) -> None:
    with window:
        pygame.time.set_timer(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_SPACE), 60, 1)
        before = pygame.time.get_ticks()
        assert window.show(IMAGE, hold=True)
        assert pygame.time.get_ticks() - before >= 40


def test_a_missing_display_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="`show`: this machine has no display; leave `show` out"):
        Window("test")
