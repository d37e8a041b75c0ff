"""Read the images of a shard ahead of the network, in a few threads and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

from posedeploy.errors import InputError, MissingPackageError
from posedeploy.predict.images import Picture
from posedeploy.scaling.image_list import ImageRef, read_location

THREADS = 4
AHEAD = 8
"""Maximum number of decoded images that wait for the network."""
ReadImage: TypeAlias = Picture | InputError | MissingPackageError
"""An image, or why it cannot be used."""


def read_ahead(images: Sequence[ImageRef]) -> Generator[ReadImage, None, None]:
    """Yield each image in order, or the error why it cannot be used."""
    pending: deque[Future[ReadImage]] = deque()
    with ThreadPoolExecutor(THREADS) as executor:
        for image in images:
            pending.append(executor.submit(_read, image.location))
            if len(pending) == AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _read(location: str) -> ReadImage:
    try:
        return read_location(location)
    except (InputError, MissingPackageError) as error:
        return error
