"""The ways from one journal to central stores: which there are, their threads, how they stand."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from gateway.domain.events import Counted
from gateway.domain.moment import rfc3339
from gateway.domain.site import Central, Influx, Site
from gateway.uplink.courier import Courier, CourierStatus

STOP_S: Final = 5.0
"""Longest wait for a write that runs when the gateway ends; what was not confirmed is carried at the next start."""


class Uplinks:
    """All uplinks of a site. on_event: gets what must go on record; called in their threads.

    Raises ConfigError when a token, password or certificate file cannot be read.
    """

    def __init__(self, site: Site, journal: Path, on_event: Callable[[Counted], None]) -> None:
        self._couriers: dict[str, tuple[Courier, Influx | Central]] = {}
        ident = site.site.id
        if site.influx is not None:
            from gateway.uplink.influx import InfluxSink

            influx = Courier(
                "influx", ident, journal, InfluxSink(site.influx), every_min=site.influx.every_min,
                keep_days=site.influx.retention_days, on_event=on_event,
            )  # fmt: skip
            self._couriers["influx"] = influx, site.influx
        if site.central is not None:
            from gateway.uplink.central import CentralSink

            central = Courier(
                "central", ident, journal, CentralSink(ident, site.central), every_min=site.central.every_min,
                on_event=on_event,
            )  # fmt: skip
            self._couriers["central"] = central, site.central

    def start(self, stack: ExitStack) -> None:
        """Start all; `stack` ends them."""
        for courier, _config in self._couriers.values():
            courier.start()
            stack.callback(courier.stop, STOP_S)

    def status(self) -> dict[str, dict[str, Any]]:
        """How each stands, as `gateway/status` tells it under `uplinks`."""
        return {name: _told(courier.status, config) for name, (courier, config) in self._couriers.items()}


def _told(status: CourierStatus, config: Influx | Central) -> dict[str, Any]:
    budget = config.budget_mb_month
    return {
        "behind": status.behind,
        "carried_to": None if status.carried_us is None else rfc3339(status.carried_us),
        "sent": status.sent,
        "quarantined": status.quarantined,
        "too_old": status.too_old,
        "waits_for_clock": status.waits,
        "failure": status.failure,
        "month": status.month,
        "month_mb": round(status.month_bytes / 1e6, 3),
        "budget_mb_month": budget,
        "over_budget": budget is not None and status.month_bytes > budget * 1e6,
    }
