"""Authorize requests to model servers with the value of an environment variable."""

from __future__ import annotations

import os

from posedeploy.errors import InputError

VARIABLE = "POSEDEPLOY_SERVER_AUTHORIZATION"
"""The environment variable with the value of the header ``Authorization``, such as ``Bearer TOKEN``. This
value is never logged or recorded."""
DENIED = (401, 403)
"""The HTTP statuses of requests that are not authorized."""


def read_headers() -> dict[str, str]:
    """Return the headers to send with every request.

    Raises:
        InputError: the variable cannot be used as the value of a header.
    """
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        return {}
    if not (value.isascii() and value.isprintable()):
        raise InputError(
            f"the environment variable {VARIABLE} cannot be used as the value of an HTTP header: it contains "
            "control characters or non-ASCII characters; set it to a value such as 'Bearer TOKEN'"
        )
    return {"authorization": value}
