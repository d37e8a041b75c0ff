"""The result of an attempt to compute a shard, as a worker sends it."""

from __future__ import annotations

import msgspec

from posedeploy.scaling.job_folder import ShardRecord


class ShardOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A finished shard, or why it could not be computed.

    error: the message for the user. error_class: the name of its class; None for a bug, whose traceback is in
    ``error``. node: the host name.
    """

    shard: int
    node: str
    record: ShardRecord | None = None
    error: str = ""
    error_class: str | None = None
