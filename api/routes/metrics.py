"""`/metrics`: the Prometheus text format, version 0.0.4."""

from typing import Final

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse

from api.auth import reader
from api.health import assess
from api.routes.mine import sensor_now
from api.services import Svc

router = APIRouter(tags=["metrics"], dependencies=[Depends(reader)])
_UP: Final = {"ok": 1.0, "degraded": 0.5, "down": 0.0}


@router.get("/metrics", response_class=PlainTextResponse)
def read_metrics(services: Svc) -> PlainTextResponse:
    """Health, alarms by priority, sensors without a fresh value, and values: a stale one is absent, never repeated."""
    live = services.live
    health = assess(live, services.link)
    _, age_s = live.gateway()
    sensors = [sensor_now(live, sensor) for sensor in services.site.sensors]
    priorities = [entry.document.get("priority") for entry in live.all("alarm").values()]
    lines = [
        *_family("bocamina_health", "1 ok, 0.5 degraded, 0 down", [({}, _UP[health.status])]),
        *_family("bocamina_alarms", "alarms that are not normal", [
            ({"priority": word}, float(priorities.count(word))) for word in ("notice", "warning", "high", "evacuate")
        ]),
        *_family("bocamina_sensors_stale", "sensors without a fresh value", [
            ({}, float(sum(sensor["stale"] for sensor in sensors)))
        ]),
        *_family("bocamina_streams", "open event streams", [({}, float(live.streams))]),
        *_family("bocamina_messages_left", "messages that could not be used", [
            ({"kind": kind}, float(live.counts[kind])) for kind in ("unknown", "unreadable")
        ]),
        *_family("bocamina_value", "newest value in the canonical unit, absent when stale or bad", [
            ({"sensor": s["id"], "zone": s["zone"], "quantity": s["quantity"], "unit": s["unit"] or ""}, s["value"])
            for s in sensors if not s["stale"] and s["value"] is not None and s["quality"] in {"good", "uncertain"}
        ]),
    ]  # fmt: skip
    if age_s is not None:
        lines += _family("bocamina_gateway_age_seconds", "since the gateway's last sign of life", [({}, age_s)])
    backlog = health.gateway.get("journal_backlog")
    if isinstance(backlog, int | float):
        lines += _family("bocamina_journal_backlog", "rows that wait for the disk", [({}, float(backlog))])
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _family(name: str, text: str, rows: list[tuple[dict[str, str], float]]) -> list[str]:
    """One gauge with its rows."""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
    for labels, value in rows:
        quoted = ",".join(f'{key}="{_quoted(label)}"' for key, label in labels.items())
        lines.append(f"{name}{{{quoted}}} {value!r}" if quoted else f"{name} {value!r}")
    return lines


def _quoted(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
