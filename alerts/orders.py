"""What people order of alarms, done or refused: acknowledge, shelve, reset, out of service.

Why something may not be done is `alerts/requests.py`. Where a sensor that is out of service gives nothing good, a
portable reading on record judges in its place: it may end an alarm of the air, and the place counts as watched (work
practice C4).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from alerts import requests as ask
from alerts.ledger import Ledger
from alerts.machine import BEYOND, Event
from alerts.model import Reply
from alerts.record import Record
from alerts.rules import SensorRules
from alerts.watch import Held
from gateway.domain.events import Request
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.site import SensorConfig

REMEMBERED_REQUESTS: Final = 1000
"""A request repeated within this many gets the first answer again."""

ByHand = Callable[[str, str, Moment, int], float | None]
"""(zone, quantity, moment, since [engine µs]) → the newest valid reading with a portable [canonical unit]."""


class Orders:
    """The requests of one desk. by_hand: who asks for portable readings sets it; until then there are none."""

    def __init__(self, ledger: Ledger, rules: Mapping[str, SensorRules]) -> None:
        """rules: of every sensor, by its id."""
        self._ledger, self._rules = ledger, rules
        self._replies: dict[str, Reply] = {}
        self.by_hand: ByHand = lambda _zone, _quantity, _moment, _since_us: None

    def request(self, moment: Moment, request: Request) -> Reply:
        """Do it or say why not; idempotent by the request's id."""
        if request.id in self._replies:
            return self._replies[request.id]
        record = self._ledger.records.get(request.target)
        error = ask.refuse_person(request)
        if error is None and request.action in ask.SERVICE:
            error = self._serve(moment, record, request)
        elif error is None:
            error = self._obey(moment, record, request) if record else f"there is no active alarm {request.target!r}"
        reply = self._replies[request.id] = Reply(request.id, error is None, error)
        if len(self._replies) > REMEMBERED_REQUESTS:
            del self._replies[next(iter(self._replies))]
        return reply

    def out_of_service(self) -> list[SensorConfig]:
        """Sensors that an officer has taken out of service now."""
        return [self._rules[name].sensor for name in self._ledger.services if name in self._rules]

    def attend(self, moment: Moment, rules: SensorRules) -> None:
        """Out of service a sensor watches nothing, unless people do with a portable. Once a second."""
        out = rules.sensor.id in self._ledger.services
        if out or rules.out_of_service:
            x = self._measured(moment, rules) if out else None
            rules.attend(moment, out=out, by_hand=x is not None and rules.crossed(None, x) is None)

    def _obey(self, moment: Moment, record: Record, request: Request) -> str | None:
        by, comment = request.by.strip(), ask.comment_of(request)
        if request.action == "acknowledge":
            error = ask.refuse_acknowledge(record)
            if error is None:
                self._ledger.step(moment, record, Event.ACK, by, comment)
        elif request.action == "reset":
            error = self._reset(moment, record, request)
        elif request.action == "shelve":
            error = ask.refuse_shelve(record, request)
            if error is None:
                self._ledger.shelve(moment, record, round(request.args["minutes"] * 60 * SECOND_US), by, comment)
        else:
            error = ask.refuse_unshelve(record)
            if error is None:
                self._ledger.shelve(moment, record, 0, by, comment)
        return error

    def _reset(self, moment: Moment, record: Record, request: Request) -> str | None:
        blind = self._blind_judge(record, moment.now_us)
        if blind is None:
            error = ask.refuse_reset(record, request, self._not_gone(record, moment.now_us))
        else:
            x = self._measured(moment, blind)
            crossed = None if x is None else blind.crossed(record.alarm.condition, x)
            error = ask.refuse_reset_by_hand(record, request, x, crossed)
        if error is not None:
            return error
        if blind is not None:  # the portable says that it is gone
            blind.release(record.alarm.condition)
            self._ledger.judged(moment, record, None)
        elif record.alarm.underlying in BEYOND:  # the person says that it is gone
            record.held, record.verdict = Held(), False
            self._ledger.judged(moment, record, None)
        self._ledger.step(moment, record, Event.RESET, request.by.strip(), ask.comment_of(request))
        if record.level is not None:
            self._ledger.judged(moment, record, record.level)  # the Notice that was left
        return None

    def _serve(self, moment: Moment, record: Record | None, request: Request) -> str | None:
        target, away_us = request.target, 0
        if request.action == "in_service":
            error = ask.refuse_in_service(target, is_out=target in self._ledger.services)
        else:
            error = ask.refuse_out_of_service(record, request, is_sensor=target in self._rules)
            away_us = 0 if error else round(request.args["minutes"] * 60 * SECOND_US)
        if error is None:
            self._ledger.serve(moment, target, away_us, request.by.strip(), ask.comment_of(request) or "")
        return error

    def _measured(self, moment: Moment, rules: SensorRules) -> float | None:
        since_us = self._ledger.services[rules.sensor.id].since_us
        return self.by_hand(rules.sensor.zone, rules.sensor.quantity, moment, since_us)

    def _blind_judge(self, record: Record, now_us: int) -> SensorRules | None:
        """The sensor that should judge an alarm of the air, if it is out of service and gives nothing good."""
        alarm = record.alarm
        rules = self._rules.get(alarm.sensor or "")
        if record.held is not None or rules is None or rules.sensor.id not in self._ledger.services:
            return None
        return rules if rules.judges_air(alarm.condition) and rules.is_blind(now_us) else None

    def _not_gone(self, record: Record, now_us: int) -> str | None:
        rules = self._rules.get(record.alarm.sensor or "")
        if record.held is None and rules is not None:
            return rules.not_gone(record.alarm.condition, now_us)
        return None if record.verdict is False else "nobody has judged it gone"

    def dump(self) -> list[list[Any]]:
        """The answers that were given; what is out of service stands in the ledger."""
        return [[*reply] for reply in self._replies.values()]

    def load(self, state: Any) -> None:
        """What `dump` gave."""
        self._replies = {reply.id: reply for reply in msgspec.convert(state, list[Reply])}
