"""What waits for the hands of a technician: calibrations, bump tests, proof tests; and what was done, on record.

A cell that nobody has given gas for a month may be dead and read a clean zero (limits reference 6.5). Nothing here
holds back an alarm of the air. On the first day of a new site no test is due: what was never recorded is counted from
the day on which the gateway first saw the sensor, siren or fan.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

from alerts.model import MAY_COMMAND, Finding, Priority
from alerts.rulebook import figure, source
from gateway.conditioning.ranges import GASES
from gateway.domain.errors import Refused
from gateway.domain.events import Request
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.site import Actuator, SensorConfig, Site

MAY_MAINTAIN: Final = MAY_COMMAND | {"technician"}
GASSED: Final = GASES - {"hg"}
"""Quantities whose sensors are tested with gas from a bottle; there is none of mercury."""
PROVED: Final = frozenset(("siren", "fan"))
"""Actuators that are proved from a simulated alarm on (limits reference 6.5, Proof test)."""
WHATS: Final = ("bump_test", "calibration_check", "proof_test")
_DAY_US: Final = 86_400 * SECOND_US
_MINUTE_US: Final = 60 * SECOND_US
_EPOCH: Final = date(1970, 1, 1)


class Upkeep:
    """Of one site. overdue(i): 0 calibrated in time, 1 overdue, 2 by more than a whole interval; i as in the site file.

    Days are those of the wall clock [UTC] while it is trusted: a gateway that woke in 1970 finds nothing due or done.
    """

    def __init__(self, site: Site, overdue: Callable[[int], int] = lambda _i: 0) -> None:
        self._sensors = {s.id: (i, s) for i, s in enumerate(site.sensors)}
        self._tested = {name: sensor for name, (_, sensor) in self._sensors.items() if sensor.quantity in GASSED}
        self._proved = {a.id: a for a in site.actuators if a.kind in PROVED}
        self._overdue = overdue
        self._seen: dict[str, int] = {}  # day on which the gateway first saw each
        self._done: dict[str, int | None] = {}  # day of the last test that was passed, None: before a day was known
        self._failed: dict[str, str] = {}  # tests that were failed since, by whom
        self._passed_now: list[str] = []
        self._failed_now: list[str] = []
        self._minute: int | None = None
        self._said: dict[tuple[str, str], Finding] = {}  # what is due, as it was last said

    # -- what people record -------------------------------------------------------------------------------------------

    def request(self, moment: Moment, request: Request) -> None:
        """`request/maintenance`: target a sensor or actuator, args {"what", "passed", "gas", "comment"}.

        what: bump_test or calibration_check of a gas sensor, proof_test of a siren or fan. Raises Refused.
        """
        what, passed, target = request.args.get("what"), request.args.get("passed"), request.target
        if not request.by.strip():
            raise Refused("maintenance: nobody is named; expected `by`")
        if request.role not in MAY_MAINTAIN:
            roles = ", ".join(sorted(MAY_MAINTAIN))
            raise Refused(f"maintenance: the role {request.role!r} may not record it; expected one of {roles}")
        if what not in WHATS:
            raise Refused(f"maintenance: `what` is {what!r}; expected one of {', '.join(WHATS)}")
        if not isinstance(passed, bool):
            raise Refused(f"maintenance: `passed` is {passed!r}; expected true or false")
        things = self._proved if what == "proof_test" else self._tested
        if target not in things:
            kind = "siren or fan" if what == "proof_test" else "gas sensor"
            raise Refused(f"maintenance: {target!r} is no {kind} of this site; expected one for a {what}")
        if passed:
            self._failed.pop(target, None)
            self._done[target] = moment.utc_us // _DAY_US if moment.trusted else None
        else:
            self._failed[target] = f"failed, {request.by.strip()}"[:120]
        if what != "proof_test":
            (self._passed_now if passed else self._failed_now).append(target)
        self._minute = None

    def take_bump_tests(self) -> list[int]:
        """Sensors (indexes) that passed a bump test or calibration check since the last call."""
        taken, self._passed_now = self._passed_now, []
        return [self._sensors[name][0] for name in taken if name in self._sensors]

    def take_failed_bump_tests(self) -> list[int]:
        """Sensors (indexes) that failed one since the last call: nobody may rely on them."""
        taken, self._failed_now = self._failed_now, []
        return [self._sensors[name][0] for name in taken if name in self._sensors]

    # -- what is due --------------------------------------------------------------------------------------------------

    def findings(self, moment: Moment) -> list[Finding]:
        """What became due or done since the last call. Looks once a minute of trusted time; else at once nothing."""
        minute = moment.utc_us // _MINUTE_US
        if not moment.trusted or minute == self._minute:
            return []
        self._minute = minute
        today = moment.utc_us // _DAY_US
        for name in (*self._sensors, *self._proved):
            self._seen.setdefault(name, today)
        self._done |= {name: today for name, day in self._done.items() if day is None}
        due = {(found.subject, found.condition): found for found in self._judge(today) if found.beyond}
        news = [found for key, found in due.items() if not _same(self._said.get(key), found)]
        news += [found._replace(beyond=False) for key, found in self._said.items() if key not in due]
        self._said = due
        return news

    def _judge(self, today: int) -> Iterator[Finding]:
        for name, (i, sensor) in self._sensors.items():
            if self._overdue(i):
                yield self._calibration(i, sensor)
            if name in self._tested:
                days = sensor.bump_days or figure("upkeep", "bump_days")
                yield self._due(name, "bump_due", today, days, _day(sensor), "bump_days", sensor.zone, sensor.id)
        for name, actuator in self._proved.items():
            days = actuator.proof_test_days or figure("upkeep", "proof_days")
            yield self._due(name, "proof_test_due", today, days, None, "proof_days", _first_zone(actuator))

    def _calibration(self, i: int, sensor: SensorConfig) -> Finding:
        made = sensor.calibration.date if sensor.calibration else None
        return Finding(
            sensor.id, "calibration_due", True, sensor.zone,
            Priority.WARNING if self._overdue(i) > 1 else Priority.NOTICE, sensor.id, reason=f"calibrated {made}",
            source="Limits reference 6.5: calibration overdue; more than twice: the channel is indeterminate",
        )  # fmt: skip

    def _due(
        self, name: str, condition: str, today: int, days: float, calibrated: int | None, rule: str,
        zone: str | None, sensor: str | None = None,
    ) -> Finding:  # fmt: skip
        """One test of gas or proof: due so many days after the last one, at once when that was failed."""
        known = [day for day in (self._done.get(name), calibrated) if day is not None]
        last = max(known, default=self._seen[name])
        if name not in self._done and last + days <= self._seen[name]:
            last = self._seen[name]  # it was due before the gateway knew it: counted from then, see above
        failed = self._failed.get(name)
        return Finding(
            name, condition, failed is not None or today - last >= days, zone,
            Priority.WARNING if failed else Priority.NOTICE, sensor,
            value=float(today - last), limit=float(days), unit="d",
            reason=failed or f"last on {_EPOCH + timedelta(last)}", source=source("upkeep", rule),
        )  # fmt: skip

    # -- over a restart -----------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """The whole state, msgpack-able."""
        return {"seen": dict(self._seen), "done": dict(self._done), "failed": dict(self._failed),
                "passed_now": list(self._passed_now), "failed_now": list(self._failed_now),
                "said": [list(found) for found in self._said.values()]}  # fmt: skip

    def load(self, state: Mapping[str, Any]) -> None:
        """Take up what `dump` gave, also under an edited site file: what that no longer has is due no more."""
        self._seen, self._done, self._failed = dict(state["seen"]), dict(state["done"]), dict(state["failed"])
        self._passed_now, self._failed_now = list(state["passed_now"]), list(state["failed_now"])
        said = [Finding(*found) for found in state["said"]]
        self._said = {(f.subject, f.condition): f._replace(priority=Priority(f.priority)) for f in said}
        self._minute = None


def _same(said: Finding | None, found: Finding) -> bool:
    """Whether nothing new is to be said; the days that went by are none."""
    return said is not None and (said.priority, said.reason) == (found.priority, found.reason)


def _day(sensor: SensorConfig) -> int | None:
    made = sensor.calibration.date if sensor.calibration else None
    return (date.fromisoformat(made) - _EPOCH).days if made else None


def _first_zone(actuator: Actuator) -> str | None:
    return actuator.zones[0] if actuator.zones else None
