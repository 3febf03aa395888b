"""What all devices together may have moved for them."""

import pytest

from sparewatt.engine.decisions import mildest_transfers
from sparewatt.policy import Decision, Transfers


@pytest.mark.parametrize(
    ("of_devices", "mildest"),
    [
        ((), "essential"),
        (("none",), "none"),
        (("essential", "none"), "essential"),
        (("none", "allowed", "essential"), "allowed"),
    ],
)
def test_one_device_that_may_is_enough(of_devices: tuple[Transfers, ...], mildest: Transfers) -> None:
    decisions = [Decision("cpu", "full", each, (), 100, 0.0) for each in of_devices]
    assert mildest_transfers(decisions) == mildest
