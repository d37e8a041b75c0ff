"""The device names of options: one spelling for all runtimes, in any case."""

from __future__ import annotations

from posedeploy.errors import DeviceError

DEVICES = ("cpu", "cuda", "intel-gpu", "npu", "auto")


def normalize_device(name: str) -> str:
    """Return a device name in lower case. ``intel-gpu.1`` is the second Intel GPU.

    Raises:
        DeviceError: the name is none of ``DEVICES``.
    """
    device = name.lower()
    kind, dot, number = device.partition(".")
    if kind not in DEVICES or (dot and not (kind == "intel-gpu" and number.isdecimal())):
        raise DeviceError(f"`device={name}`: unknown device", expected=", ".join(DEVICES))
    return device
