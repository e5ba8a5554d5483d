"""SenML packs as our nodes' firmware writes them, in JSON and in CBOR (RFC 8428, units of RFC 8798)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import cbor2

UNITS: Final[Mapping[str, str]] = {
    "co": "ppm", "co2": "ppm", "no": "ppm", "no2": "ppm", "so2": "ppm", "h2s": "ppm", "hcn": "ppm", "nh3": "ppm",
    "o3": "ppm", "ch4": "/100", "h2": "/100", "o2": "/100", "hg": "ug/m3", "pm1": "ug/m3", "pm2_5": "ug/m3",
    "pm4": "ug/m3", "pm10": "ug/m3", "air_velocity": "m/s", "air_flow": "m3/s", "temperature": "Cel",
    "humidity": "%RH", "pressure": "hPa", "pressure_diff": "Pa", "battery": "V",
}  # fmt: skip
LABELS: Final = {"bn": -2, "bt": -3, "n": 0, "u": 1, "v": 2, "t": 6}
"""CBOR's numbers for the labels (RFC 8428, table 4)."""


def records(
    node: str, boot: int, seq: int, values: Sequence[tuple[str, str, float]], time_s: float | None = None
) -> list[dict[str, Any]]:
    """One pack: the node and its counters, then (name, quantity, value). time_s: Unix time; None without a clock."""
    head: dict[str, Any] = {"bn": f"{node}/"} | ({} if time_s is None else {"bt": round(time_s, 3)})
    found: list[dict[str, Any]] = [{**head, "n": "boot", "v": boot}, {"n": "seq", "v": seq}]
    for name, quantity, value in values:
        unit = {"u": UNITS[quantity]} if quantity in UNITS else {}
        found.append({"n": name, **unit, "v": value})
    return found


def as_json(pack: Sequence[Mapping[str, Any]]) -> bytes:
    """Compact JSON."""
    return json.dumps(pack, separators=(",", ":"), allow_nan=False).encode()


def as_cbor(pack: Sequence[Mapping[str, Any]]) -> bytes:
    """The same with numbers for labels."""
    return cbor2.dumps([{LABELS[label]: value for label, value in record.items()} for record in pack])
