"""The airflow proof: a fan's word proves nothing, moving air at its sensor does (limits reference 7.1, 2)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from alerts.protocols.air import FiguresOf, reading
from alerts.rulebook import figure
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import Actuator, SensorConfig, Site

Failure = Literal["fan_failed", "ventilation_ineffective"]
PROOF_S: Final = figure("airflow", "proof_s")
DUCT_SPEED: Final = figure("airflow", "duct_speed")
VELOCITY: Final = figure("airflow", "proof_velocity")
RESOLVED: Final = 3
"""A quantity without a legal minimum proves air by more than this many steps of its resolution."""


@dataclass(slots=True)
class _State:
    """Engine times [µs]. wanted_since_us: since when air should move; moved_us: when it last did."""

    proven: bool = False
    since_utc_us: int = 0
    proven_since_us: int | None = None
    wanted_since_us: int | None = None
    moved_us: int | None = None
    failed: Failure | None = None
    failed_since_us: int | None = None
    value: float | None = None


class AirflowProof:
    """One fan's proof. A fan without a `fan_proof` sensor is never proven; it fails by its own word only."""

    def __init__(self, site: Site, fan: Actuator) -> None:
        self._sensors = tuple(
            (i, s) for i, s in enumerate(site.sensors) if s.role == "fan_proof" and s.zone in fan.zones
        )
        self.proof_us = round(_proof_s(fan, [s for _, s in self._sensors]) * SECOND_US)
        self._state = _State()

    @property
    def has_sensor(self) -> bool:
        """Whether anything could prove this fan's air."""
        return bool(self._sensors)

    @property
    def proven(self) -> bool:
        """Air moves now, by a good value of every proving sensor that is good, at least one."""
        return self._state.proven

    @property
    def proven_since_us(self) -> int | None:
        """Since when, in engine time [µs]; None while it does not."""
        return self._state.proven_since_us

    @property
    def failed(self) -> Failure | None:
        """What is wrong, until air moves again."""
        return self._state.failed

    def lost_for_us(self, moment: Moment) -> int:
        """How long the failure has stood [µs], 0 without one."""
        since = self._state.failed_since_us
        return 0 if since is None else moment.now_us - since

    def step(self, moment: Moment, figures_of: FiguresOf, should_run: bool, says_running: bool | None) -> None:
        """Look at the proving sensors. says_running: the fan's own word, None when it has said nothing."""
        state = self._state
        readings = [(s, reading(s, figures_of(i), moment.now_us)) for i, s in self._sensors]
        good = [(s, now.value) for s, now in readings if now.good]
        state.value = min((abs(value) for _, value in good), default=None)
        proven = bool(good) and all(abs(value) >= _threshold(s) for s, value in good)
        if proven != state.proven or not state.since_utc_us:
            state.since_utc_us = moment.utc_us
            state.proven_since_us = moment.now_us if proven else None
        state.proven = proven
        if proven or (not self._sensors and says_running):
            state.moved_us = moment.now_us
            state.failed = state.failed_since_us = None
        if not should_run:
            state.wanted_since_us = state.moved_us = None
            return
        if state.wanted_since_us is None:
            state.wanted_since_us = moment.now_us
        still_since = max(state.wanted_since_us, state.moved_us or state.wanted_since_us)
        if moment.now_us - still_since >= self.proof_us and moment.now_us != state.moved_us:
            if state.failed is None:
                state.failed_since_us = moment.now_us
            state.failed = "ventilation_ineffective" if says_running else "fan_failed"

    def document(self, since: str | None) -> dict[str, Any]:
        """`proof` of the fan in `protocol/ventilation`; velocity in the proving sensor's canonical unit."""
        value = self._state.value
        return {
            "proven": self._state.proven,
            "velocity": None if value is None else round(value, 1),
            "since": since,
            "sensors": [s.id for _, s in self._sensors],
        }

    @property
    def since_utc_us(self) -> int:
        """When the proof last came or went [µs UTC]."""
        return self._state.since_utc_us

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return asdict(self._state)

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave."""
        self._state = _State(**state)


def _proof_s(fan: Actuator, sensors: list[SensorConfig]) -> float:
    if fan.proof_s is not None:
        return fan.proof_s
    period = max((s.period_s for s in sensors), default=0.0)
    return max(PROOF_S, (fan.duct_length_m or 0.0) / DUCT_SPEED + 3 * period)


def _threshold(sensor: SensorConfig) -> float:
    """From what value on air moves: the site's `setpoints.proof`, the legal least velocity, else what is resolved."""
    if "proof" in sensor.setpoints:
        return sensor.setpoints["proof"]
    if sensor.quantity == "air_velocity":
        return VELOCITY
    info = QUANTITIES.get(sensor.quantity)
    return RESOLVED * (sensor.resolution or (info.resolution if info else 0.0)) or 1.0
