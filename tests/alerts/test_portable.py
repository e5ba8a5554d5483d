"""Portable readings: which are kept and which are refused."""

from typing import Any

import pytest

from alerts.protocols.portable import PortableReadings
from tests.fixtures.small_mine import ask, at, site


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ({}, "`gases` is missing"),
        ({"gases": {"co": 1}}, "`instrument` is missing"),
        ({"gases": {"co": "low"}, "instrument": "x"}, "no number"),
        ({"gases": {"co": float("inf")}, "instrument": "x"}, "no number"),
        ({"gases": {"co": -1}, "instrument": "x"}, "cannot be"),
        ({"gases": {"xx": 1}, "instrument": "x"}, "no quantity"),
        ({"gases": {"co": 1}, "instrument": "x", "people": "ana"}, "no list"),
    ],
)
def test_a_portable_reading_that_cannot_be_believed_is_refused(args: dict[str, Any], why: str) -> None:
    reply = PortableReadings(site()).request(at(0), ask("manual_reading", "frente-1", **args))
    assert why in (reply.error or "")
