"""The rungs of one sensor: the ladder of the package data, the limits of the alarm regimes, the site's stricter levels.

A rung is a level of one statistic at which an alarm of one priority begins. Source of the ladder and of all delays:
limits reference 6.2, 6.3, 6.5, 6.7, kept as data in `alerts/data/ladder.toml`.
"""

import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Final

from alerts.model import Priority
from gateway.conditioning.ranges import resolve_noise
from gateway.domain.limit import SITE_REGIME, Limit
from gateway.domain.moment import SECOND_US
from gateway.domain.quality import REASON_WORDS
from gateway.domain.quantities import TOXIC, unit_of
from gateway.domain.site import SensorConfig, Site, Zone
from gateway.exposure.verdicts import always_alarms, is_resolved

LADDER: Final[Mapping[str, Any]] = tomllib.loads(
    files("alerts.data").joinpath("ladder.toml").read_text(encoding="utf-8")
)
HOLD_US: Final = round(LADDER["persistence"]["hold_s"] * SECOND_US)
OVER_FROM: Final[float] = LADDER["over_range"]["from_full_scale"]
COVERED_S: Final[Mapping[str, float]] = LADDER["means"]["covered_s"]

LimitsOf = Callable[[str, Iterable[str]], tuple[Limit, ...]]

_ENTERS_FROM: Final[float] = LADDER["over_range"]["enters_from"]
_PRIORITY: Final = {priority.word: priority for priority in Priority}
_MEAN_OF_MINUTES: Final = {0: "inst", 10: "5min", 15: "15min"}  # a 10-min mean above L has a 5-min mean above L in it


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of one statistic of one sensor, in the sensor's canonical unit.

    key: names it in stored state. statistic: any inst 1min 5min 15min, or reason, silence, unwatched, spike for the
    sensor's own health. rising: more is worse. limit: trips from here on (inclusive) or beyond. clear: back inside is
    strictly beyond this. enters_over_range: a reading over range counts as this rung. under_reference: how far below
    the reference sensor [unit]; neighbour: only while a neighbouring zone has it too. regime: the body whose limit it
    stands on, `site` for the mine's own, None for a design default.
    """

    key: str
    condition: str
    priority: Priority
    statistic: str
    limit: float
    source: str
    rising: bool = True
    inclusive: bool = True
    clear: float = math.nan
    on_us: int = 0
    off_us: int = 0
    latch: bool = False
    regime: str | None = None
    unit: str | None = None
    enters_over_range: bool = False
    under_reference: float | None = None
    neighbour: bool = False
    reasons: frozenset[int] = frozenset()

    @property
    def sampled(self) -> bool:
        """Judged by single samples, not by a mean or by the sensor's health."""
        return self.statistic in ("any", "inst")

    @property
    def averaged(self) -> bool:
        """Judged by a mean over a window."""
        return self.statistic in COVERED_S


def neighbours(site: Site) -> dict[str, set[str]]:
    """The zones that each zone is connected with."""
    near: dict[str, set[str]] = {zone.id: set() for zone in site.zones}
    for link in site.connections:
        near[link.from_].add(link.to)
        near[link.to].add(link.from_)
    return near


def is_dead_end(zone: Zone, near: Mapping[str, set[str]]) -> bool:
    """As the site file says, else a zone below ground with at most one way out."""
    if zone.dead_end is not None:
        return zone.dead_end
    return zone.kind not in ("portal", "muster", *LADDER["never_evacuate"]["zones"]) and len(near[zone.id]) <= 1


def health_rungs(sensor: SensorConfig, *, protects: bool) -> Iterator[Rung]:
    """What the sensor says of itself. protects: people rely on it, its loss leaves the place unwatched (6.5)."""
    notice, silence = LADDER["defaults"]["notice"], LADDER["silence"]
    for row in LADDER["health"]:
        yield Rung(
            row["condition"], row["condition"], Priority.NOTICE, "reason", math.nan, row["source"], regime=None,
            on_us=round(row["on_s"] * SECOND_US), off_us=round(row.get("off_s", notice["off_s"]) * SECOND_US),
            reasons=frozenset(REASON_WORDS[word] for word in row["reasons"]),
        )  # fmt: skip
    yield Rung("spike", "spike", Priority.NOTICE, "spike", math.nan, "Limits reference 6.3: shorter than 5 s",
               off_us=round(notice["off_s"] * SECOND_US), regime=None)  # fmt: skip
    lost_s = silence_s(sensor)
    lost = Rung(
        "comm_lost", "comm_lost", Priority.WARNING if protects or sensor.role else Priority.NOTICE,
        "silence", lost_s,
        "Limits reference 6.5: no valid sample for max(30 s, 3 periods), or max_age_s of the site file",
        off_us=silence["off_s"] * SECOND_US, regime=None, unit="s",
    )  # fmt: skip
    yield lost
    if protects:
        yield replace(
            lost, key="not_watched", condition="not_watched", priority=Priority.HIGH, statistic="unwatched",
            limit=lost_s + silence["unwatched_after_s"], source="Limits reference 6.5: 90 s after the signal was lost",
        )  # fmt: skip


def silence_s(sensor: SensorConfig) -> float:
    """How long without a valid sample is a lost signal [s] (limits reference 6.5)."""
    silence = LADDER["silence"]
    return float(sensor.max_age_s or max(silence["least_s"], silence["periods"] * sensor.period_s))


def rungs_for(
    sensor: SensorConfig, zone: Zone, limits: LimitsOf, alarm_regimes: Iterable[str], full_scale: float | None,
    *, dead_end: bool = False,
) -> tuple[Rung, ...]:  # fmt: skip
    """Every rung that judges the air at this sensor, lowest priority first.

    limits: the limit tables by quantity and regimes. full_scale: [canonical unit], None where unknown. A sensor that
    proves a fan has none: its duct stands still with the fan.
    """
    if sensor.role == "fan_proof":
        return ()
    ladder = [_stricter(rung, sensor) for rung in ladder_of(sensor.quantity, full_scale)]
    if dead_end:
        ladder = [rung for rung in ladder if not _through_only(rung)]
    rungs = [*ladder, *_limit_rungs(sensor, limits, tuple(alarm_regimes), ladder), *_own_rungs(sensor, limits, ladder)]
    evacuates = zone.kind not in LADDER["never_evacuate"]["zones"]
    rungs = [rung if evacuates else replace(rung, priority=min(rung.priority, Priority.HIGH)) for rung in rungs]
    rungs = [one for rung in rungs for one in _in_sight(_at_this_sensor(rung, sensor), full_scale)]
    return tuple(sorted(rungs, key=lambda rung: rung.priority))


def ladder_of(quantity: str, full_scale: float | None) -> tuple[Rung, ...]:
    """The ladder's rungs of a quantity as the package data has them, empty where it has none."""
    rows = [
        (group, row) for group in LADDER["rungs"] if quantity in group["quantity"].split() for row in group["rows"]
    ]
    return tuple(
        _rung(f"{n}.{row['priority']}", quantity, group, row, _scale(group, full_scale))
        for n, (group, row) in enumerate(rows)
        if group.get("unit") != "full_scale" or full_scale is not None
    )


def _scale(group: Mapping[str, Any], full_scale: float | None) -> float:
    if group.get("unit") == "full_scale":
        return full_scale or math.nan
    return 1 / 60 if group.get("unit") == "m/min" else 1.0


def _rung(key: str, quantity: str, group: Mapping[str, Any], row: Mapping[str, Any], scale: float) -> Rung:
    priority = _PRIORITY[row["priority"]]
    rules = dict(LADDER["defaults"][priority.word])
    if priority >= Priority.HIGH and row["statistic"] in ("1min", "15min"):
        rules |= LADDER["defaults"]["mean"]
    if "delays" in group and priority >= Priority.WARNING:
        rules |= LADDER["defaults"][group["delays"]]
    rules |= row
    word = next((word for word in ("at_least", "above", "below") if word in row), None)
    rising = word in ("at_least", "above")
    limit = row[word] * scale if word else math.inf  # only under a reference: any value may be too low
    band = group.get("deadband_abs", limit * rules["deadband"])
    return Rung(
        key=key, condition=row.get("condition", "level"), priority=priority, statistic=row["statistic"], limit=limit,
        source=row["source"], rising=rising, inclusive=word == "at_least",
        clear=row.get("clears_below", limit - band if rising else limit + band),
        on_us=round(rules["on_s"] * SECOND_US), off_us=round(rules["off_s"] * SECOND_US), latch=rules["latch"],
        regime=row.get("regime"), unit=unit_of(quantity),
        under_reference=row.get("under_reference"), neighbour=row.get("neighbour", False),
    )  # fmt: skip


def _through_only(rung: Rung) -> bool:
    """Rungs that a dead end does not have: its oxygen stays High (limits reference 2.4, 6.3)."""
    return rung.condition == "oxygen_low" and rung.priority is Priority.EVACUATE


def _limit_rungs(sensor: SensorConfig, limits: LimitsOf, regimes: tuple[str, ...], ladder: list[Rung]) -> list[Rung]:
    """STEL and ceiling of the alarm regimes, the strictest of each, IDLH and what is signed always (reference 6.7)."""
    noise = resolve_noise(sensor, None)
    strictest: dict[tuple[str, str], Limit] = {}
    idlh = [limit for limit in limits(sensor.quantity, ("niosh",)) if limit.kind == "IDLH"]
    for limit in (*limits(sensor.quantity, regimes), *idlh):
        statistic = _MEAN_OF_MINUTES.get(limit.averaging_minutes)
        if limit.kind not in ("STEL", "CEILING", "IDLH") or statistic is None:
            continue
        if not (always_alarms(limit) or is_resolved(limit, noise)):
            continue  # the channel cannot resolve it: it is computed and reported, it drives no alarm
        known = strictest.get((limit.kind, statistic))
        if known is None or limit.value < known.value:
            strictest[limit.kind, statistic] = limit
    top = max((rung.priority for rung in ladder), default=Priority.EVACUATE)
    never = sensor.quantity in LADDER["never_evacuate"]["quantities"]
    rungs = []
    for (kind, statistic), limit in strictest.items():
        priority = (Priority.HIGH if never else top) if kind == "IDLH" else _as_the_ladder(limit.value, ladder)
        rules = LADDER["defaults"]["high"] | (LADDER["defaults"]["mean"] if statistic != "inst" else {})
        # legal hysteresis (methane): a limit clears where the ladder's own rung at that level does
        same = [rung.clear for rung in ladder if rung.rising and rung.limit == limit.value]
        clear = min(same, default=limit.value * (1 - rules["deadband"]))
        condition = "stel" if kind == "STEL" else "ceiling"
        rungs.append(
            Rung(
                f"{kind.lower()}.{statistic}", condition, priority, statistic, limit.value, _named(limit),
                inclusive=limit.comparison == "reaches", clear=clear, off_us=round(rules["off_s"] * SECOND_US),
                latch=rules["latch"], regime=limit.regime, unit=limit.unit,
            )
        )  # fmt: skip
    return rungs


def _named(limit: Limit) -> str:
    """What an alarm says of its limit's origin: who confirmed it, or that nobody did."""
    return limit.cited if limit.confirmed else f"{limit.cited} (unconfirmed / por confirmar)"


def _own_rungs(sensor: SensorConfig, limits: LimitsOf, ladder: list[Rung]) -> Iterator[Rung]:
    """Warning at the mine's own signed TWA and oxygen bounds, judged as the ladder judges the law's.

    A place's E8 never alarms (limits reference 4.1): its TWA does as a short mean, as on the ladder. Dust is left to
    persons.
    """
    warning = LADDER["defaults"]["warning"]
    for limit in limits(sensor.quantity, ()):
        if limit.regime != SITE_REGIME or limit.kind not in ("TWA", "MIN", "MAX"):
            continue
        like = _the_laws(limit, ladder)
        if like is None:
            continue
        band = limit.value * warning["deadband"] if limit.kind == "TWA" else abs(like.clear - like.limit)
        yield replace(
            like, key=f"own.{limit.kind.lower()}", priority=Priority.WARNING, limit=limit.value, source=limit.cited,
            inclusive=limit.kind == "TWA", clear=limit.value - band if like.rising else limit.value + band,
            on_us=round(warning["on_s"] * SECOND_US), off_us=round(warning["off_s"] * SECOND_US), latch=False,
            regime=limit.regime,
        )  # fmt: skip


def _the_laws(limit: Limit, ladder: list[Rung]) -> Rung | None:
    """The rung that judges the law's limit of this kind, None where no sensor of a place is armed with one."""
    if limit.kind == "TWA" and not ladder and limit.quantity in TOXIC:
        return Rung("own", "level", Priority.WARNING, "1min", limit.value, limit.source, unit=limit.unit)
    for rung in ladder:
        if limit.kind == "TWA":
            fits = rung.priority is Priority.WARNING and rung.averaged and rung.rising
        else:
            fits = rung.priority is Priority.HIGH and rung.rising == (limit.kind == "MAX")
        if fits:
            return rung
    return None


def _as_the_ladder(value: float, ladder: list[Rung]) -> Priority:
    """A limit is as urgent as the ladder is at that level: at least Warning, at most High, High without a ladder."""
    reached = [rung.priority for rung in ladder if rung.rising and rung.limit <= value]
    default = Priority.WARNING if ladder else Priority.HIGH
    return min(Priority.HIGH, max([default, *reached]))


def _stricter(rung: Rung, sensor: SensorConfig) -> Rung:
    """The rung at the site's own level, where that is stricter. The deadband moves along."""
    wanted = _addressed(rung, sensor)
    if wanted is None or not _is_stricter(rung, wanted):
        return rung
    band = abs(rung.limit - rung.clear)
    return replace(
        rung, limit=wanted, clear=min(rung.clear, wanted - band) if rung.rising else max(rung.clear, wanted + band),
        source=f"site file: {rung.priority.word} = {wanted:g}; {rung.source}", regime=SITE_REGIME,
    )  # fmt: skip


def _addressed(rung: Rung, sensor: SensorConfig) -> float | None:
    """The setpoint meant for this rung: with bounds on both sides (oxygen, velocity) the nearer one is meant."""
    wanted = sensor.setpoints.get(rung.priority.word)
    if wanted is None or not math.isfinite(rung.limit):
        return None
    bounds = [other for other in ladder_of(sensor.quantity, sensor.full_scale)
              if other.priority is rung.priority and math.isfinite(other.limit)]  # fmt: skip
    nearest = min(bounds, key=lambda other: abs(other.limit - wanted))
    return wanted if nearest.rising is rung.rising else None


def _is_stricter(rung: Rung, wanted: float) -> bool:
    return wanted < rung.limit if rung.rising else wanted > rung.limit


def _at_this_sensor(rung: Rung, sensor: SensorConfig) -> Rung:
    """With this sensor's own delays and deadband."""
    delays, word = sensor.delays, rung.priority.word
    on_s, off_s = (delays.get(f"{word}_{edge}_s", delays.get(f"{edge}_s")) for edge in ("on", "off"))
    clear = rung.clear
    if sensor.deadband is not None and math.isfinite(rung.limit):  # a site may widen it, never narrow it
        wide = rung.limit - sensor.deadband if rung.rising else rung.limit + sensor.deadband
        clear = min(clear, wide) if rung.rising else max(clear, wide)
    return replace(
        rung, clear=clear,
        on_us=rung.on_us if on_s is None else min(rung.on_us, round(on_s * SECOND_US)),
        off_us=rung.off_us if off_s is None else round(off_s * SECOND_US),
    )  # fmt: skip


def _in_sight(rung: Rung, full_scale: float | None) -> Iterator[Rung]:
    """The rung, entered by over-range where its level lies out of the channel's sight (limits reference 6.3).

    A mean that the channel cannot show gets a twin that judges single samples: the mean itself can never get there.
    """
    if rung.sampled:
        out = rung.rising and (full_scale is None or rung.limit >= _ENTERS_FROM * full_scale)
        yield replace(rung, enters_over_range=out)
        return
    yield rung
    if rung.rising and full_scale is not None and rung.limit > full_scale:
        yield replace(rung, key=f"{rung.key}.over", statistic="inst", enters_over_range=True)


def setpoint_problems(sensor: SensorConfig, *, demo: bool = False) -> list[str]:
    """What is laxer than the ladder in `setpoints` and `delays`, one sentence each that begins with the key.

    A site may only be stricter: earlier levels, shorter on-delays, longer off-delays. demo: shorter off-delays too.
    """
    problems = []
    ladder = ladder_of(sensor.quantity, sensor.full_scale)
    for word, wanted in sensor.setpoints.items():
        meant = [rung for rung in ladder if rung.priority.word == word and _addressed(rung, sensor) is not None]
        if not meant:
            problems.append(f"setpoints.{word}: the ladder of {sensor.quantity!r} has no such rung; expected none")
        elif not any(_is_stricter(rung, wanted) for rung in meant):
            levels = " or ".join(f"{round(rung.limit, 4):g} ({rung.statistic})" for rung in meant)
            side = "less" if meant[0].rising else "more"
            problems.append(f"setpoints.{word}: {wanted:g} is laxer than the ladder; expected {side} than {levels}")
    for key, given in sensor.delays.items():
        edge = "on" if key.endswith("on_s") else "off"
        rungs = [rung for rung in ladder if key == f"{edge}_s" or key.startswith(rung.priority.word)]
        own = [(rung.on_us if edge == "on" else rung.off_us) / SECOND_US for rung in rungs]
        if own and edge == "on" and given > max(own):
            problems.append(f"delays.{key}: {given:g} s is longer than the ladder's; expected at most {max(own):g} s")
        if own and edge == "off" and given < min(own) and not demo:
            problems.append(f"delays.{key}: {given:g} s is shorter than the ladder's; expected at least {min(own):g} s")
    return problems


def unreachable_rungs(rungs: Iterable[Rung], full_scale: float | None, resolution: float) -> list[str]:
    """One remark for every rung that a sensor cannot show (over-range enters it) or cannot resolve (6.3, 6.7)."""
    remarks = []
    for rung in rungs:
        what = f"{rung.condition} {rung.priority.word} {round(rung.limit, 4):g} {rung.unit or ''} ({rung.statistic})"
        if full_scale is not None and rung.rising and rung.limit >= _ENTERS_FROM * full_scale:
            remarks.append(f"{what} lies at or above its full scale {full_scale:g}: it is entered by over-range")
        elif math.isfinite(rung.limit) and abs(rung.limit) < 3 * resolution:
            remarks.append(f"{what} is less than three of its steps of {resolution:g}: it cannot be resolved")
    return remarks
