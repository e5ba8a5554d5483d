"""Ventilation: the setpoint of every fan from what is known of the air, and the proof that air moves.

Precedence (interfaces, Commands): (1) hard-wired trips, which no command overrides: a fan that does not obey is
reported, not forced; (2) the methane interlock; (3) the evacuation; (4) a person's override, which expires; (5) the
demand of gas alarms, bound by the intake guard; (6) the fan's own fail-safe, for which nothing is commanded.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from alerts.graph import MineGraph
from alerts.model import Alarm, Finding, Priority, Reply, Want
from alerts.occupancy import Occupancy
from alerts.protocols.air import FiguresOf, at_least, is_gas, reading, sensors_in
from alerts.protocols.airflow import AirflowProof
from alerts.protocols.decay import GasDecay
from alerts.protocols.intake import NOT_WATCHED_WORDS, IntakeGuards, IntakeState
from alerts.protocols.interlock import LEVEL, Methane, MethaneInterlock
from alerts.protocols.override import check_order, read_order
from alerts.protocols.portable import PortableReadings
from alerts.rulebook import figure_us, source
from gateway.domain.errors import Refused
from gateway.domain.events import ActuatorState, Request
from gateway.domain.moment import SECOND_US, Moment, rfc3339
from gateway.domain.quantities import TOXIC
from gateway.domain.site import Actuator, Site

FanState = Literal["normal", "demand", "purge", "ineffective", "manual"]
FULL: Final = 100.0
MINIMUM_RUN_US: Final = figure_us("airflow", "minimum_run_s")
PROOF_LOST_US: Final = figure_us("airflow", "proof_lost_s")
WORST_FIRST: Final[tuple[FanState, ...]] = ("ineffective", "manual", "demand", "purge", "normal")


@dataclass(slots=True)
class _Override:
    """A person's setpoint [%] until an engine time [µs]; until_utc_us is for people."""

    setpoint: float
    until_us: int
    until_utc_us: int
    by: str


@dataclass(slots=True)
class _Fan:
    """What is remembered of one fan, engine times [µs].

    base: the level [%] it had before it was raised. demand_us: the last demand. dropped_us: when it stopped without
    being told to. unseen_since_us: since when nobody watched it, until its first word after a restart of ours.
    """

    setpoint: float | None = None
    running: bool | None = None
    base: float | None = None
    raised: bool = False
    demand_us: int | None = None
    dropped_us: int | None = None
    unseen_since_us: int | None = None
    override: _Override | None = None
    state: FanState = "normal"
    since_utc_us: int = 0
    wanted: float | None = None
    reason: str = ""
    methane: Methane = "clear"
    intake: str | None = None


class Ventilation:
    """All fans of a site. `step` gives wanted levels; `findings`, `withdraw` and `document` tell of the last step."""

    def __init__(self, site: Site, graph: MineGraph, guard_warning: Mapping[str, float] | None = None) -> None:
        """guard_warning: Warning rung of the intake guards by sensor id, so that they act before their alarm does."""
        self._site = site
        self._graph = graph
        self._quantity = {s.id: s.quantity for s in site.sensors}
        self._fans: Mapping[str, Actuator] = {a.id: a for a in site.actuators if a.kind == "fan"}
        self._serving: Mapping[str, tuple[str, ...]] = {
            zone.id: tuple(fan for fan, a in self._fans.items() if zone.id in a.zones) for zone in site.zones
        }
        self._known = {fan: _Fan() for fan in self._fans}
        self._proofs = {fan: AirflowProof(site, actuator) for fan, actuator in self._fans.items()}
        self._interlock = MethaneInterlock(site)
        self._guards = IntakeGuards(site, graph, guard_warning or {})
        self._decay = {fan: GasDecay(site) for fan in self._fans}
        self._gas = {f: sensors_in(site, a.zones, TOXIC | {"o2"}) for f, a in self._fans.items()}
        self._stepped_us: int | None = None
        self._found: list[Finding] = []
        self._shown: tuple[FanState, int] = ("normal", 0)

    def feedback(self, moment: Moment, state: ActuatorState) -> None:
        """What a fan says of itself; other actuators are ignored. `running` is no proof of air."""
        fan = self._known.get(state.actuator)
        if fan is None:
            return
        fan.setpoint = state.setpoint if isinstance(state.setpoint, int | float) else None
        was = fan.running
        fan.running = state.running if state.running is not None else None if fan.setpoint is None else fan.setpoint > 0
        if fan.running:
            fan.dropped_us = None
        elif was and fan.dropped_us is None and ((fan.wanted or 0.0) > 0 or (fan.setpoint or 0.0) > 0):
            fan.dropped_us = fan.unseen_since_us or moment.now_us  # nobody told it to stop: a power cut or a trip
        fan.unseen_since_us = None

    def step(
        self,
        moment: Moment,
        alarms: Sequence[Alarm],
        figures_of: FiguresOf,
        portable: PortableReadings,
        occupancy: Occupancy,
        evacuated: Iterable[str] = (),
    ) -> list[Want]:
        """The level of every fan now [%], None where nothing is commanded. evacuated: zones under evacuation."""
        self._stepped_us = moment.now_us
        self._interlock.step(moment, alarms, figures_of, portable)
        leaving, empty = frozenset(evacuated), occupancy.verified_empty(moment)
        fire = any(a.condition == "fire_suspected" and at_least(a, Priority.NOTICE) for a in alarms)
        alarmed = frozenset(a.sensor for a in alarms if a.sensor and at_least(a, Priority.WARNING))
        gas_at = self._gas_at(alarms)
        self._found, held = [], set[str]()
        wants = []
        for fan_id, fan in self._known.items():
            actuator = self._fans[fan_id]
            gas = gas_at.get(fan_id, [])
            demand = [a for a in gas if at_least(a, Priority.WARNING)]
            intake = self._guards.judge(actuator, moment, alarmed, figures_of, self._demanded(demand))
            fan.methane = self._interlock.state(actuator.zones)
            fan.intake = intake.state if actuator.mode == "blowing" else None
            if fan.override is not None and moment.now_us >= fan.override.until_us:
                fan.override = None
            setpoint, state, reason = self._level(
                moment, actuator, fan, gas, demand, intake, not leaving.isdisjoint(actuator.zones), fire, figures_of
            )
            if demand and intake.state == "contaminated" and (finding := self._guards.finding(intake)) is not None:
                held.add(finding.subject)
                self._found.append(finding)
            fan.wanted, fan.reason = setpoint, reason
            self._prove(moment, actuator, fan, demand, figures_of)
            failed = self._proofs[fan_id].failed is not None or self._decay[fan_id].not_falling is not None
            state = "ineffective" if failed else state
            if state != fan.state or not fan.since_utc_us:
                fan.state, fan.since_utc_us = state, moment.utc_us
            self._found.extend(self._fan_findings(moment, actuator, demand, empty))
            wants.append(Want(fan_id, setpoint, reason))
        self._found += self._guards.cleared(moment, alarmed, figures_of, held)
        states: list[FanState] = [fan.state for fan in self._known.values()]
        worst = min(states, key=WORST_FIRST.index, default=WORST_FIRST[-1])
        if worst != self._shown[0] or not self._shown[1]:
            self._shown = (worst, moment.utc_us)
        return wants

    def _gas_at(self, alarms: Iterable[Alarm]) -> dict[str, list[Alarm]]:
        """The alarms of every fan's zones that more air makes better, in their order."""
        found: dict[str, list[Alarm]] = {}
        for alarm in alarms:
            if is_gas(alarm, self._quantity.get(alarm.sensor or "")):
                for fan in self._serving.get(alarm.zone or "", ()):
                    found.setdefault(fan, []).append(alarm)
        return found

    def _level(
        self, moment: Moment, actuator: Actuator, fan: _Fan, gas: Sequence[Alarm], demand: Sequence[Alarm],
        intake: IntakeState, evacuated: bool, fire: bool, figures_of: FiguresOf,
    ) -> tuple[float | None, FanState, str]:  # fmt: skip
        """Setpoint [%] or None (hold), state and reason, by precedence."""
        override = fan.override
        if demand:
            fan.demand_us = moment.now_us
        asking: FanState = "demand" if demand else "normal"
        if fan.methane != "clear":  # (2)
            by_portable = fan.methane == "not_watched" and self._interlock.portable_allows(actuator.zones)
            if override is not None and by_portable:
                return override.setpoint, "manual", f"manual {override.by}, methane by portable"
            why = f"methane at or above {LEVEL:g} %" if fan.methane == "measured" else "methane not watched"
            return None, asking, f"interlock: {why}"
        if evacuated:  # (3): air is never taken from people who are leaving
            if override is not None and (override.setpoint >= (fan.setpoint or 0.0)) and not demand:
                return override.setpoint, "manual", f"manual {override.by}"
        elif override is not None:  # (4)
            return override.setpoint, "manual", f"manual {override.by}"
        if fire:  # no protocol starts, stops or reverses a fan by itself in a suspected fire
            return None, asking, "suspected fire: a person decides"
        if fan.dropped_us is not None and not self._may_restart(moment, actuator, fan, gas, intake):
            return None, asking, "stopped by itself: a person starts it"
        if demand:  # (5)
            reason = f"demand {demand[0].alarm}"
            if intake.state == "contaminated":
                return None, "demand", f"{reason}: gas at the air intake, not raised"
            self._raise(actuator, fan)
            watched = intake.state != "not_watched" or actuator.mode != "blowing"
            return FULL, "demand", reason if watched else f"{reason}; {NOT_WATCHED_WORDS}"
        if evacuated:
            return None, "normal", "evacuation: not lowered"
        return self._after_demand(moment, actuator, fan, gas, figures_of)

    def _after_demand(
        self, moment: Moment, actuator: Actuator, fan: _Fan, gas: Sequence[Alarm], figures_of: FiguresOf
    ) -> tuple[float | None, FanState, str]:
        """Run on until the gas is known to be normal and the least run is over, then the level of before, then (6)."""
        if fan.raised:
            resting = fan.demand_us is None or moment.now_us - fan.demand_us >= MINIMUM_RUN_US
            if not resting or any(at_least(a, Priority.NOTICE) for a in gas):
                return FULL, "purge", "purge until the gas is normal"
            if not self._gas_is_watched(moment, actuator, figures_of):
                return FULL, "purge", "purge: the gas is not watched"
            base = max(fan.base or 0.0, actuator.idle_percent)
            if fan.setpoint is None or abs(fan.setpoint - base) > 1:
                return base, "normal", "demand over"
            fan.raised, fan.base = False, None
        if actuator.idle_percent and (fan.setpoint or 0.0) < actuator.idle_percent:
            return actuator.idle_percent, "normal", "idle level"
        return None, "normal", ""

    def _gas_is_watched(self, moment: Moment, actuator: Actuator, figures_of: FiguresOf) -> bool:
        sensors = self._site.sensors
        return all(reading(sensors[i], figures_of(i), moment.now_us).good for i in self._gas[actuator.id])

    def _raise(self, actuator: Actuator, fan: _Fan) -> None:
        if not fan.raised:
            fan.raised = True
            fan.base = fan.setpoint if fan.running and fan.setpoint is not None else actuator.idle_percent

    def _may_restart(
        self, moment: Moment, actuator: Actuator, fan: _Fan, gas: Sequence[Alarm], intake: IntakeState
    ) -> bool:
        """Whether a fan that stopped by itself may start by itself (limits reference 7.1, 6)."""
        stood_us = moment.now_us - (fan.dropped_us or moment.now_us)
        return (
            stood_us < actuator.restart_within_min * 60 * SECOND_US
            and not any(at_least(a, Priority.WARNING) for a in gas)
            and intake.state != "contaminated"
        )

    def _demanded(self, demand: Iterable[Alarm]) -> frozenset[str]:
        return frozenset(self._quantity[a.sensor] for a in demand if a.sensor in self._quantity)

    def _prove(
        self, moment: Moment, actuator: Actuator, fan: _Fan, demand: Sequence[Alarm], figures_of: FiguresOf
    ) -> None:
        held_up = fan.wanted is None and (bool(fan.running) or fan.dropped_us is not None)
        self._proofs[actuator.id].step(moment, figures_of, (fan.wanted or 0.0) > 0 or held_up, fan.running)
        demanding = {a.sensor for a in demand if a.sensor}
        self._decay[actuator.id].step(moment, figures_of, demanding, self._proofs[actuator.id].proven)

    def _fan_findings(
        self, moment: Moment, actuator: Actuator, demand: Sequence[Alarm], empty: frozenset[str]
    ) -> list[Finding]:
        """`fan_failed` and `ventilation_ineffective`, latched; Evacuate while proof is lost and toxic gas stands."""
        proof = self._proofs[actuator.id]
        toxic = any(is_gas(a, self._quantity.get(a.sensor or "")) and a.condition != "airflow_low" for a in demand)
        lost = toxic and proof.lost_for_us(moment) >= PROOF_LOST_US
        inhabited = [z for z in actuator.zones if z not in empty]
        zone = next(iter(inhabited or actuator.zones), None)
        not_falling = self._decay[actuator.id].not_falling
        stuck_gas = f"{not_falling} does not fall" if not_falling else None
        rows = (
            ("fan_failed", proof.failed == "fan_failed", Priority.HIGH, "no air moves, the fan does not say it runs"),
            ("ventilation_ineffective", proof.failed == "ventilation_ineffective" or not_falling is not None,
             Priority.WARNING, stuck_gas or "the fan says it runs and no air moves"),
        )  # fmt: skip
        return [
            Finding(actuator.id, condition, beyond, zone, Priority.EVACUATE if beyond and lost else priority,
                    latch=True, reason=reason if beyond else None, source=source("airflow", "proof_s"))
            for condition, beyond, priority, reason in rows
        ]  # fmt: skip

    def findings(self) -> list[Finding]:
        """The conditions that the last step judged."""
        return list(self._found)

    def withdraw(self, moment: Moment) -> dict[str, str]:
        """Zones that the methane interlock wants people out of, with the reason."""
        return self._interlock.withdraw(moment)

    def proven_since_us(self, zone: str) -> int | None:
        """Since when every fan of the zone that can prove its air moves it (engine time [µs]); None if one does not."""
        proofs = [self._proofs[f] for f in self._serving.get(zone, ()) if self._proofs[f].has_sensor]
        since = [proof.proven_since_us for proof in proofs if proof.proven_since_us is not None]
        return max(since) if since and len(since) == len(proofs) else None

    def has_proof(self, zone: str) -> bool:
        """Whether a fan that can prove its air serves the zone."""
        return any(self._proofs[f].has_sensor for f in self._serving.get(zone, ()))

    def airflow_known(self, zone: str) -> bool:
        """Whether air goes as designed: the zone's fans, or where it has none all fans of the mine, move air."""
        own = self._serving.get(zone) or tuple(self._fans)
        return bool(own) and all(self._proofs[f].proven for f in own)

    def request(self, moment: Moment, request: Request, occupancy: Occupancy) -> Reply:
        """`request/ventilation`: target a fan, args {"setpoint": 0–100, "minutes": n} or {"release": true}."""
        try:
            self._override(moment, request, occupancy)
        except Refused as refusal:
            return Reply(request.id, ok=False, error=str(refusal))
        return Reply(request.id, ok=True)

    def _override(self, moment: Moment, request: Request, occupancy: Occupancy) -> None:
        fan, actuator = self._known.get(request.target), self._fans.get(request.target)
        if fan is None or actuator is None:
            raise Refused(f"ventilation: '{request.target}' is no fan of this site")
        order = read_order(request)
        if order.setpoint is None:
            fan.override = None
            return
        reach = set(actuator.zones).union(*(self._graph.downstream(z, self.airflow_known(z)) for z in actuator.zones))
        not_empty = [z for z in reach & self._graph.mine if occupancy.may_hold_people(z, moment)]
        check_order(actuator, order.setpoint, self._interlock, not_empty, fan.dropped_us is not None, reach)
        self._raise(actuator, fan)
        fan.override = _Override(
            order.setpoint, moment.now_us + order.for_us, moment.utc_us + order.for_us, request.by
        )

    def restarted(self, moment: Moment) -> None:
        """The gateway comes back: levels are held until the fans speak, and a raised fan runs its least time anew."""
        for fan in self._known.values():
            fan.setpoint, fan.unseen_since_us = None, self._stepped_us
            if fan.raised:
                fan.demand_us = moment.now_us

    def document(self, moment: Moment) -> dict[str, Any]:
        """The payload of `protocol/ventilation` after the last step: the worst fan's state, and all under `fans`."""
        del moment
        state, since = self._shown
        zones = sorted({z for f, a in self._fans.items() if self._known[f].state != "normal" for z in a.zones})
        return {
            "protocol": "ventilation", "state": state, "zones": zones, "since": rfc3339(since), "drill": False,
            "fans": {fan: self._fan_document(fan) for fan in self._fans},
        }  # fmt: skip

    def _fan_document(self, fan_id: str) -> dict[str, Any]:
        fan, proof, override = self._known[fan_id], self._proofs[fan_id], self._known[fan_id].override
        until = None if override is None else rfc3339(override.until_utc_us)
        return {
            "state": fan.state, "since": rfc3339(fan.since_utc_us), "wanted": fan.wanted, "setpoint": fan.setpoint,
            "running": fan.running, "reason": fan.reason, "failed": proof.failed,
            "not_falling": self._decay[fan_id].not_falling,
            "proof": proof.document(rfc3339(proof.since_utc_us)), "interlock": fan.methane, "intake": fan.intake,
            "override": override and {"setpoint": override.setpoint, "by": override.by, "until": until},
        }  # fmt: skip

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {
            "fans": {fan: asdict(state) for fan, state in self._known.items()},
            "proofs": {fan: proof.dump() for fan, proof in self._proofs.items()},
            "decays": {fan: decay.dump() for fan, decay in self._decay.items()},
            "stepped_us": self._stepped_us,
            "interlock": self._interlock.dump(),
            "shown": list(self._shown),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave, for the fans that the site file still has."""
        for fan, row in state["fans"].items():
            if fan in self._known:
                override = row["override"]
                self._known[fan] = _Fan(**{**row, "override": override and _Override(**override)})
        for fan, row in state["proofs"].items():
            if fan in self._proofs:
                self._proofs[fan].load(row)
        for fan, row in state["decays"].items():
            if fan in self._decay:
                self._decay[fan].load(row)
        self._stepped_us = state["stepped_us"]
        self._interlock.load(state["interlock"])
        self._shown = (state["shown"][0], state["shown"][1])
