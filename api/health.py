"""Is the mine watched right now? The web process alone never says so."""

from typing import Any, Final, Literal, NamedTuple

from api.gateway_link import GatewayLink
from api.live import LiveState

SILENT_AFTER_S: Final = 15.0
"""`gateway/status` comes every 5 s; three missed ones are silence (interfaces, HTTP)."""


class Health(NamedTuple):
    """The document of `GET health`. Each check is `{"name", "ok", "detail"}`."""

    status: Literal["ok", "degraded", "down"]
    gateway: dict[str, Any]
    checks: list[dict[str, Any]]

    @property
    def document(self) -> dict[str, Any]:
        """As it is sent."""
        return self._asdict()


def assess(live: LiveState, link: GatewayLink) -> Health:
    """The state of the watch: `down` when the gateway is silent, offline or absent, `degraded` when it says so."""
    gateway, age_s = live.gateway()
    state = gateway.get("state")
    checks = [_check("broker", link.trouble, "connected")]
    checks.append(_check("gateway", _silence(state, age_s), f"{state}, heard {age_s or 0:.0f} s ago"))
    if not all(check["ok"] for check in checks):
        return Health("down", gateway, checks)
    ready = state == "ready"
    told = "; ".join(str(trouble) for trouble in gateway.get("troubles") or ["it does not say why"])
    checks.append(_check("state", None if ready else f"{state}: {told}", "the gateway is ready"))
    checks.append(_check("sources", None, _blind(gateway.get("blind_s"))))
    return Health("ok" if ready else "degraded", gateway, checks)


def _silence(state: object, age_s: float | None) -> str | None:
    """Why the gateway does not count as alive, None when it does."""
    if state == "offline":
        return "the gateway is offline: nothing is watched"
    if state is None or age_s is None:
        return "nothing heard of the gateway since this web process connected"
    if age_s > SILENT_AFTER_S:
        return f"the gateway has been silent for {age_s:.0f} s"
    return None


def _blind(blind_s: object) -> str:
    """For how long each source brought nothing since the gateway's start; what it is now, the state says."""
    told = [f"{source} {seconds} s" for source, seconds in blind_s.items()] if isinstance(blind_s, dict) else []
    return f"blind since the start: {', '.join(told)}" if told else "no source was blind since the start"


def _check(name: str, trouble: str | None, good: str) -> dict[str, Any]:
    return {"name": name, "ok": trouble is None, "detail": trouble or good}
