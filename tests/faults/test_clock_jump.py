"""The wall clock is set by ten years in the middle of every window: no figure, no alarm and no command changes.

Only what a calendar tells (a calibration is due) follows a wall clock, and that only one that is trusted.
"""

import pytest

from bocamina.engine import Engine
from bocamina.site_file import parse_site
from gateway.domain.events import ActuatorState, Pack, Request, Sample, Started, Tick
from gateway.domain.moment import SECOND_US, Moment, parse_rfc3339
from tests.end_to_end.mine import site_text

START_US = parse_rfc3339("2026-11-23T12:00:00Z")
YEAR_US = 365 * 86_400 * SECOND_US
SECONDS = 2400
JUMPS = range(700, 1500)
"""Between these seconds the wall clock is wrong; the STEL window of 15 minutes and the shift run through both edges."""


def air(second: int) -> float:
    """A face after a shot: clean, then CO above every rung, then fresh air again."""
    return 2.0 if second < 600 else 400.0 if second < 900 else 30.0 if second < 1300 else 1.0


def lived(jump_us: int, trusted: bool):
    site = parse_site(site_text(1883, extra='[[shifts]]\nid = "dia"\nstart = "06:00"\nend = "18:00"\n').encode())
    engine = Engine(site, "hash")
    transitions, commands, figures = [], [], []
    for second in range(SECONDS):
        wrong = second in JUMPS
        label = START_US + second * SECOND_US + (jump_us if wrong else 0)
        now = Moment(START_US + second * SECOND_US, label, trusted or not wrong)
        events = [Started("hash", "1")] if second == 0 else []
        events += [Pack("nodes", "node7", (Sample(0, air(second)), Sample(1, 0.1), Sample(2, 1.0)))]
        if second == 1000:
            events.append(Request("r1", "acknowledge", "ana", "officer", "co-frente-1.level", {}))
        if second % 10 == 0:
            events.append(ActuatorState("fan-1", 100.0, True))
        out = engine.step(now, [*events, Tick()])
        transitions += [
            (second, t.alarm, t.new, t.priority.word) for t in out.transitions
            if t.condition != "clock" and not t.condition.endswith("_due")
        ]  # fmt: skip
        commands += [(second, c.actuator, c.setpoint) for c in out.commands]
        figures.append(repr(engine.exposure.figures(0, now.now_us)))
    return transitions, commands, figures


@pytest.fixture(scope="module")
def undisturbed():
    return lived(0, True)


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize("years", [10, -10])
def test_ten_years_in_the_middle_of_a_window_change_nothing(undisturbed, years, trusted) -> None:
    transitions, commands, figures = lived(years * YEAR_US, trusted)
    assert any("evacuate" in one for one in undisturbed[0]), "the story has an alarm to lose"
    assert figures == undisturbed[2], "every window, dose and maximum is what it was"
    assert transitions == undisturbed[0]
    assert commands == undisturbed[1]
