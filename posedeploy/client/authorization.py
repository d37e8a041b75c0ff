"""The authorization of requests to model servers, from an environment variable."""

from __future__ import annotations

import os

from posedeploy.errors import InputError

VARIABLE = "POSEDEPLOY_SERVER_AUTHORIZATION"
"""The value of the header ``Authorization``, such as ``Bearer TOKEN``. It is never logged or recorded."""
DENIED = (401, 403)
"""The HTTP statuses of requests that are not authorized."""


def read_headers() -> dict[str, str]:
    """Return the headers that every request has.

    Raises:
        InputError: the value of the variable cannot be a header.
    """
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        return {}
    if not (value.isascii() and value.isprintable()):
        raise InputError(
            f"{VARIABLE}: not the value of an HTTP header: it has line breaks or characters that are not "
            "ASCII; set it to a value such as 'Bearer TOKEN'"
        )
    return {"authorization": value}
