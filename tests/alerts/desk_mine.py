"""One small mine for the stories of alarms: air comes in second by second, alarms come out."""

import math

import msgspec

from alerts.desk import AlarmDesk
from alerts.model import State
from gateway.domain.events import Request
from gateway.domain.figures import Figures
from gateway.domain.limits import limits_for
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.quality import Quality, Reason
from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import Site

NOON_US = 1_800_000_000 * SECOND_US  # 2027-01-15T08:00:00Z
GOOD, UNCERTAIN, BAD, LATE = Quality


def a_site(**changes):
    sensors = [
        {"id": "co", "quantity": "co", "zone": "frente", "role": "witness"},
        {"id": "ch4", "quantity": "ch4", "zone": "frente"},
        {"id": "o2", "quantity": "o2", "zone": "galeria"},
        {"id": "o2-frente", "quantity": "o2", "zone": "frente"},
        {"id": "o2-portal", "quantity": "o2", "zone": "bocamina"},
        {"id": "guard", "quantity": "co", "zone": "bocamina", "role": "intake_guard"},
        {"id": "dust", "quantity": "pm2_5", "zone": "frente"},
    ]
    return Site.model_validate({
        "site": {"id": "orex-01", "name": "Orex"},
        "zones": [
            {"id": "bocamina", "name": "Bocamina", "kind": "portal"},
            {"id": "galeria", "name": "Galería", "kind": "gallery"},
            {"id": "frente", "name": "Frente 1", "kind": "face"},
        ],
        "connections": [
            {"from": "bocamina", "to": "galeria", "length_m": 100},
            {"from": "galeria", "to": "frente", "length_m": 50},
        ],
        "sources": [{"id": "nodes", "kind": "mqtt", "topic": "t/+", "format": "senml-json"}],
        "actuators": [{"id": "fan-1", "kind": "fan", "zones": ["frente"], "mode": "blowing"}],
        "sensors": [sensor | {"source": "nodes", "channel": f"n/{sensor['id']}"} | changes for sensor in sensors],
    })  # fmt: skip


class Mine:
    """Plays seconds into a desk; figures by the plainest sums there are."""

    def __init__(self, site=None):
        self.site = site or a_site()
        self.desk = self.new_desk()
        self.names = [sensor.id for sensor in self.site.sensors]
        # of every second gone by: value · time, time covered, over range; a sample is held for 3 s
        self.past = {name: ([], [], []) for name in self.names}
        self.held = dict.fromkeys(self.names, (math.nan, -9, False))  # value, since, over range
        self.newest = dict.fromkeys(self.names, (math.nan, BAD, Reason.STALE))
        self.now = 0.0
        self.told = []

    def new_desk(self):
        scales = [QUANTITIES[sensor.quantity].full_scale for sensor in self.site.sensors]
        return AlarmDesk(self.site, limits_for, scales)

    @property
    def moment(self):
        return Moment(round(self.now * SECOND_US), NOON_US + round(self.now * SECOND_US))

    def figures(self, name):
        dose, covered, over = self.past[name]

        def window(length):
            return sum(dose[-length:]), sum(covered[-length:]), any(over[-length:])

        (t1, c1, _), (t5, c5, _), (t15, c15, over) = window(60), window(300), window(900)
        value, quality, reason = self.newest[name]
        return Figures(
            self.moment.now_us, value, quality, reason, NO_TIME, t1 / c1 if c1 else math.nan, c1,
            t5 / c5 if c5 else math.nan, c5, t15 / 900, c15, over, 0.0,
        )  # fmt: skip

    def hears(self, name, value, quality=GOOD, reason=Reason.NONE):
        usable = quality <= UNCERTAIN and math.isfinite(value)
        if quality != LATE:
            self.held[name] = (value, self.now if usable else -9, reason == Reason.OVER_RANGE)
            self.newest[name] = (value, quality, reason)
        self.desk.sample(self.moment, self.names.index(name), value, quality, reason, self.figures(name))
        self.listen()

    def listen(self):
        self.told += self.desk.transitions()

    def second(self, **air):
        """One second: each named sensor says its value (or value, quality, reason), the others what fresh air is."""
        fresh = {"co": 0, "guard": 0, "ch4": 0.0, "o2": 20.9, "o2_frente": 20.9, "o2_portal": 20.9, "dust": 10}
        for name, said in (fresh | air).items():
            if said is not None:
                self.hears(name.replace("_", "-"), *(said if isinstance(said, tuple) else (said,)))
        for name, (dose, covered, over) in self.past.items():
            value, since, ranged = self.held[name]
            live = self.now - since < 3
            dose.append(value if live else 0.0)
            covered.append(float(live))
            over.append(live and ranged)
        self.now += 1
        self.desk.tick(self.moment, lambda i: self.figures(self.names[i]))
        self.listen()

    def seconds(self, n, **air):
        for _ in range(n):
            self.second(**air)

    def says(self, action, target="co.level", by="ana", role="officer", **args):
        self.asked = getattr(self, "asked", 0) + 1
        reply = self.desk.request(self.moment, Request(f"r{self.asked}", action, by, role, target, args))
        self.listen()
        return reply

    def state(self, name="co.level"):
        alarm = self.desk.alarm(name)
        return alarm.state if alarm else State.NORMAL

    def priority(self, name="co.level"):
        return self.desk.alarm(name).priority

    def standing(self):
        return {alarm.alarm for alarm in self.desk.active()}

    def restart(self):
        self.listen()
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(self.desk.dump()))
        self.desk = self.new_desk()
        self.desk.load(kept)
