"""Oxygen that falls while carbon dioxide rises in another proportion: an instrument, not air (limits reference 6.5)."""

import math

import pytest

from alerts.consistency import finding, is_inconsistent, pairs
from alerts.desk import AlarmDesk
from alerts.model import State
from gateway.domain.figures import Figures
from gateway.domain.limits import limits_for
from gateway.domain.moment import NO_TIME, SECOND_US, Moment
from gateway.domain.quality import Quality
from gateway.domain.site import Site

SITE = Site.model_validate({
    "site": {"id": "m", "name": "m"},
    "zones": [{"id": "a", "name": "a", "kind": "gallery"}, {"id": "b", "name": "b", "kind": "gallery"}],
    "sensors": [
        {"id": name, "zone": zone, "quantity": quantity, "source": "n", "channel": f"n/{name}"}
        for name, zone, quantity in (("o2", "a", "o2"), ("co2", "a", "co2"), ("o2-b", "b", "o2"), ("co2-2", "a", "co2"))
    ],
})  # fmt: skip
(PAIR,) = pairs(SITE)


def figures(minute, quarter, *, covered=900.0, quality=Quality.GOOD):
    low = quarter * covered / 900
    return Figures(0, minute, quality, 0, NO_TIME, minute, 60.0, minute, 300.0, low, covered, False, 0.0)


def judged(fallen, risen, **co2):
    return is_inconsistent(PAIR, figures(20.9 - fallen, 20.9), figures(800.0 + risen, 800.0, **co2))


def test_only_sensors_of_one_zone_are_a_pair():
    assert (PAIR.o2, PAIR.co2) == (0, 1)
    assert (round(PAIR.o2_step, 9), PAIR.co2_step) == (0.3, 3.0)


@pytest.mark.parametrize(
    ("fallen", "risen", "inconsistent"),
    [
        (1.0, 10_000, False),  # breath and fire: one for one
        (1.4, 10_000, False),  # diesel takes more oxygen than it gives carbon dioxide
        (0.42, 20_000, False),  # carbon dioxide from the rock displaces air: 0.21 of itself
        (1.0, 1_000, True),  # ten to one: the cell follows the barometer
        (0.35, 30_000, True),  # and the other way round
        (0.29, 30, False),  # within three steps of the oxygen cell nothing is said
        (1.0, 3, False),  # nor within three of the carbon dioxide
        (-1.0, 10_000, False),  # oxygen rises
        (1.0, -500, False),  # carbon dioxide falls
    ],
)
def test_the_ratio_decides(fallen, risen, inconsistent):
    assert judged(fallen, risen) is inconsistent


def test_half_a_window_or_a_doubtful_value_says_nothing():
    assert judged(1.0, 1_000, covered=450.0) is True
    assert judged(1.0, 1_000, covered=449.0) is None
    assert judged(1.0, 1_000, quality=Quality.UNCERTAIN) is None
    assert is_inconsistent(PAIR, figures(math.nan, 20.9), figures(1800, 800)) is None


def test_it_is_a_notice_after_a_minute_and_hides_no_lack_of_oxygen():
    desk = AlarmDesk(SITE, limits_for, [25.0, 50_000.0, 25.0, 50_000.0])
    now = {0: figures(19.0, 20.9), 1: figures(1_800, 800), 2: figures(20.9, 20.9), 3: figures(800, 800)}
    for t in range(62):
        moment = Moment(t * SECOND_US, t * SECOND_US)
        for i, value in ((0, 19.0), (1, 1_800.0), (2, 20.9), (3, 800.0)):
            desk.sample(moment, i, value, Quality.GOOD, 0, now[i])
        desk.tick(moment, now.__getitem__)
    alarm = desk.alarm("o2.consistency")
    assert (alarm.state, alarm.priority.word, alarm.sensor) == (State.UNACK, "notice", "o2")
    assert alarm.reason == "does not go with co2"
    assert desk.alarm("o2.oxygen_low").priority.word in ("high", "evacuate")


def test_what_cannot_be_judged_neither_raises_nor_clears():
    assert finding(SITE, PAIR, None).beyond is None
