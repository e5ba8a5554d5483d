"""A gateway that comes back computes a shift anew whose late samples it had not yet answered for."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bocamina.engine import Engine
from bocamina.site_file import load_site, site_hash
from gateway.domain.events import Delivery, Pack, Sample, Started, Tick
from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Step
from gateway.stores.paths import journal_path
from gateway.stores.rows import Kind, document_row, steps_row
from tests.end_to_end.mine import Gateway, Listener, ready, site_text, wait_for

pytestmark = [pytest.mark.xdist_group("end_to_end"), pytest.mark.timeout(120)]

HOURS = 8


def test_late_samples_of_a_past_shift_correct_its_result_and_tell_the_officer(mosquitto, tmp_path) -> None:
    began = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=HOURS + 1)
    local = began.astimezone(ZoneInfo("America/Lima"))
    shifts = f'[[shifts]]\nid = "dia"\nstart = "{local:%H:%M}"\nend = "{local + timedelta(hours=HOURS):%H:%M}"\n'
    path = tmp_path / "site.toml"
    path.write_text(site_text(mosquitto.port, extra=shifts).replace("period_s = 1\n", "period_s = 10\n"))
    site, hashed = load_site(path), site_hash(path)
    start_us = int(began.timestamp()) * SECOND_US

    def at(second: float) -> Moment:
        return Moment(round((second + 1000) * SECOND_US), start_us + round(second * SECOND_US))

    def read(second: int, co: float, delivery: Delivery) -> Pack:
        return Pack("nodes", "node7", (Sample(0, co, at(second).utc_us),), delivery=delivery)

    over = HOURS * 3600
    story = [(-1, [Started(hashed, "1"), Tick()])]
    story += [(second, [read(second, 10.0, Delivery.LIVE), Tick()]) for second in range(2, over // 2, 20)]
    late = [read(second, 60.0, Delivery.BACKLOG) for second in range(over // 2, over, 20)]
    story += [(over + 1, [Tick()]), (over + 10, late), (over + 100, [Tick()])]
    engine = Engine(site, hashed)
    with Journal.open(journal_path(site.site.id, tmp_path / "data")) as journal:
        journal.register_site(hashed, site, at(-2))
        for second, events in story:
            out = engine.step(at(second), events)
            rows = [document_row(Kind.SHIFT, at(second), result) for result in out.shifts]
            journal.append([steps_row(hashed, [Step(at(second), events, out.rows)]), *rows])
    history = EmbeddedHistory(journal_path(site.site.id, tmp_path / "data"))
    before = history.shift_results(["co-frente-1"]).items
    assert [(one.corrected, one.document["limits"][0]["verdict"]) for one in before] == [(False, "indeterminate")]

    listener = Listener(mosquitto.port)
    gateway = Gateway(path, tmp_path / "data").start()
    ready(listener, time.monotonic() - 60)
    alarm = wait_for(lambda: listener.newest.get("alarm/gateway.history_corrected"), 30, "the officer is told")
    assert (alarm["priority"], alarm["state"]) == ("notice", "unack")
    (now,) = history.shift_results(["co-frente-1"]).items
    limit = now.document["limits"][0]
    assert (now.corrected, limit["verdict"]) == (True, "exceeded")
    assert limit["low"] == pytest.approx(35.0, rel=0.01)
    assert not listener.newest.get("alarm/co-frente-1.level"), "what is past is no alarm of now"
    gateway.stop()
    listener.close()
