"""What a test of the history fills: a back end with nothing in it."""

from typing import Any, Protocol

from gateway.domain.history import History

S = 1_000_000
T0 = 1_780_000_000 * S
CO, NO2, ODD = ("co-1", "co", "face", "ppm"), ("no2-1", "no2", "face", "ppm"), ("odd-1", "my_channel", "face", "")
NO_CURSORS = ["", "x", "1:2", "99999999999999999999:1:1", "1:2:3:4", "1e3"]


class Past(Protocol):
    """A back end that the test fills."""

    history: History

    def site(self, site_hash: str, sensors: list[tuple[str, str, str, str]]) -> None:
        """A site file was in use: (id, quantity, zone, unit) by index."""

    def readings(
        self, site_hash: str, outcomes: list[tuple[int, int, float | None]], quality: int = 0, reason: int = 0
    ) -> None:
        """One commit of readings: (sensor index, time µs, value); the raw value is twice the value."""

    def document(self, kind: str, time_us: int, document: dict[str, Any]) -> None:
        """One document of a kind: transition, command, verdict, shift, request, notice, snapshot."""
