"""What goes first, what waits, what is put right, and what is told of it."""

import json
import time

from gateway.domain.moment import SECOND_US, Moment
from gateway.stores.cursors import Cursors
from gateway.stores.redating import DOUBTED, REDATED, TRUSTED
from gateway.stores.rows import Kind, document_row
from gateway.transports.backoff import Backoff
from gateway.uplink.courier import FIRST_RETRY_S, LAST_RETRY_S
from gateway.uplink.dating import Label
from gateway.uplink.points import of_document
from tests.fixtures.record import ALARM, COMMAND, VERDICT, reading, step
from tests.fixtures.waiting import wait_for

NOW_US = 1_795_000_000 * SECOND_US
DAY_US = 86_400 * SECOND_US


def at(second: float, utc_us: int = NOW_US, trusted: bool = True) -> Moment:
    shift = round(second * SECOND_US)
    return Moment(NOW_US + shift, utc_us + shift, trusted)


def cursor(journal, name="influx"):
    with Cursors.open(journal.path) as cursors:
        return cursors.cursor(name)


def carried(journal):
    wait_for(lambda: cursor(journal) == journal.last_n, "everything is carried", 20)


def series(sink, *names):
    return [point for point in sink.order if point.series in names]


def test_readings_verdicts_alarms_and_commands_arrive_each_once(journal, courier, sink):
    documents = [(Kind.COMMAND, COMMAND), (Kind.TRANSITION, ALARM), (Kind.VERDICT, VERDICT | {"utc_us": NOW_US})]
    step(journal, at(0), *documents, outcomes=(reading(NOW_US, 500.0),))
    courier(sink)
    carried(journal)
    assert sorted(point.series for point in sink.order) == ["alarm", "command", "exposure", "reading"]
    (alarm,) = series(sink, "alarm")
    where = {"sensor": "co-1", "zone": "face", "site": "orex-01"}
    assert alarm.tags == {"alarm": "co-1.level", "condition": "level"} | where
    assert alarm.fields["value"] == 500.0
    assert isinstance(alarm.fields["value"], float), "a store refuses a field that changes its type"
    assert alarm.time_ns == NOW_US * 1000 + 4
    (verdict,) = series(sink, "exposure")
    assert "high" not in verdict.fields, "what is unknown is left out"
    (command,) = series(sink, "command")
    assert (command.fields["setpoint"], command.fields["percent"]) == ("100", 100.0)


def test_a_shift_result_is_a_point_a_limit_and_a_correction_takes_its_place(journal):
    limit = {"regime": "peru", "kind": "TWA", "method": "e8", "limit": 25, "value": 20, "low": 18.0, "high": None,
             "coverage": 1, "verdict": "compliant"}  # fmt: skip
    document = {"sensor": "co-1", "zone": "face", "quantity": "co", "shift": "2026-11-23/dia", "corrected": False,
                "start": "2026-11-23T07:00:00.000Z", "end": "2026-11-23T17:00:00.000Z",
                "limits": [limit, limit | {"regime": "acgih"}]}  # fmt: skip

    def keys(document):
        journal.append([document_row(Kind.SHIFT, at(0), document)])
        (row,), _more = journal.read(journal.last_n - 1, [Kind.SHIFT])
        return [(point.series, dict(point.tags), point.time_ns) for point in of_document("orex-01", row, Label())]

    first = keys(document)
    assert [tags["regime"] for _series, tags, _ns in first] == ["peru", "acgih"]
    assert keys(document | {"corrected": True}) == first


def test_an_alarm_and_a_shift_result_are_carried_whole_once(journal):
    limit = {"regime": "peru", "kind": "TWA", "method": "e8", "limit": 25, "value": 20, "low": 18.0, "high": None,
             "coverage": 1, "verdict": "compliant"}  # fmt: skip
    document = {"sensor": "co-1", "zone": "face", "quantity": "co", "shift": "2026-11-23/dia", "corrected": False,
                "start": "2026-11-23T07:00:00.000Z", "end": "2026-11-23T17:00:00.000Z", "mean": 20.0,
                "limits": [limit, limit | {"regime": "acgih"}]}  # fmt: skip
    journal.append([document_row(Kind.SHIFT, at(0), document), document_row(Kind.TRANSITION, at(1), ALARM)])
    rows, _more = journal.read(1, [Kind.SHIFT, Kind.TRANSITION])
    first, second, alarm = (point.fields for row in rows for point in of_document("orex-01", row, Label()))
    assert json.loads(first["document"]) == document
    assert (first["row"], first["recorded_us"], first["start_us"]) == (2, NOW_US, 1_795_417_200_000_000)
    assert ("document" in second, second["row"]) == (False, 2), "it is large: one of its points has it"
    assert json.loads(alarm["document"]) == ALARM
    assert alarm["row"] == 3


def test_a_label_that_proved_right_deletes_nothing(journal):
    journal.append([document_row(Kind.TRANSITION, at(0), ALARM)])
    (row,), _more = journal.read(journal.last_n - 1, [Kind.TRANSITION])
    (point,) = of_document("orex-01", row, Label(by_us=0))
    assert (point.time_ns // 1000, point.replaces_ns) == (NOW_US, None)


def test_an_alarm_overtakes_the_backlog(journal, courier, sink):
    for second in range(400):
        step(journal, at(second), outcomes=(reading(NOW_US + second, 1.0),))
    step(journal, at(400), (Kind.TRANSITION, ALARM))
    courier(sink)
    carried(journal)
    assert [point.series for point in sink.order[:2]] == ["alarm", "reading"]
    assert [point.fields["value"] for point in series(sink, "reading")] == [1.0] * 400


def test_on_a_schedule_only_alarms_open_the_link(journal, courier, sink):
    one = courier(sink, every_min=60)
    wait_for(lambda: sink.closed > 0, "the first round is over")
    step(journal, at(0), outcomes=(reading(NOW_US, 1.0),))
    step(journal, at(1), (Kind.TRANSITION, ALARM))
    wait_for(lambda: sink.order, "the alarm is carried")
    closed = sink.closed
    wait_for(lambda: sink.closed > closed, "the link is let go again")
    assert [point.series for point in sink.order] == ["alarm"]
    assert one.status.month_bytes == sink.sent_bytes


def test_an_alarm_is_a_reason_to_try_at_once(journal, courier, sink):
    sink.down = True
    step(journal, at(0), outcomes=(reading(NOW_US, 1.0),))
    one = courier(sink, first_retry_s=30.0)
    wait_for(lambda: one.status.failure is not None, "the first try fails")
    sink.down = False
    time.sleep(0.2)
    assert sink.order == [], "it backs off"
    step(journal, at(1), (Kind.TRANSITION, ALARM))
    wait_for(lambda: sink.order, "the alarm is carried long before the back-off ends", 5)
    assert sink.order[0].series == "alarm"
    carried(journal)


def clock(what, second, **more):
    return Kind.CLOCK, {"what": what, "boot": "b", "from_us": at(second).now_us, "skew_us": 0, "why": "test"} | more


def test_readings_wait_for_a_clock_that_is_believed_and_alarms_do_not(journal, courier, sink):
    wrong_us, by_us = 1000 * SECOND_US, NOW_US - 1000 * SECOND_US
    wrong = at(1, wrong_us, trusted=False)
    events = []
    step(journal, at(0), outcomes=(reading(NOW_US, 1.0),))
    one = courier(sink, on_event=events.append)
    carried(journal)
    step(journal, wrong, clock(DOUBTED, 1), (Kind.TRANSITION, ALARM), outcomes=(reading(wrong.utc_us, 500.0),))
    wait_for(lambda: one.status.waits and len(sink.order) == 2, "the alarm is there, its reading is not")
    alarm = sink.order[1]
    assert (alarm.series, alarm.fields["time_trusted"], alarm.time_ns // 1000) == ("alarm", False, wrong.utc_us)
    pieces = [[at(1).now_us, at(2).now_us, by_us]]
    step(journal, at(2), clock(TRUSTED, 2, redated=pieces), outcomes=(reading(at(2).utc_us, 2.0),))
    step(journal, at(3), clock(REDATED, 2, redated=pieces, rows=1))
    carried(journal)
    first, late, last = series(sink, "reading")
    assert [one.time_ns // 1000 for one in (first, late, last)] == [NOW_US, at(1).utc_us, at(2).utc_us]
    assert late.fields == {"value": 500.0, "quality": 0, "redated": True}
    again = series(sink, "alarm")[1]
    assert again.time_ns // 1000 == at(1).utc_us
    assert again.replaces_ns == alarm.time_ns, "the point under the wrong time is to be deleted"
    assert "time_trusted" not in again.fields
    assert [event.kind for event in events] == ["uplink_redated"], "it goes on record"
    assert not one.status.waits


def test_what_is_doubted_for_ever_is_sent_and_says_so(journal, courier, sink):
    step(journal, at(0, 0, trusted=False), (Kind.TRANSITION, ALARM), outcomes=(reading(5, 1.0),))
    courier(sink)
    carried(journal)
    assert {point.series: point.fields["time_trusted"] for point in sink.order} == {"alarm": False, "reading": False}


def test_poison_goes_on_record_and_is_counted_over_a_restart(journal, courier, sink):
    events = []
    step(journal, at(0), outcomes=tuple(reading(NOW_US + i, float(i)) for i in range(10)))
    sink.poison = ("value=7.0,",)
    one = courier(sink, on_event=events.append)
    carried(journal)
    wait_for(lambda: one.status.quarantined == 1, "it is counted")
    assert len(sink.points) == 9
    (event,) = events
    assert (event.source, event.kind) == ("influx", "uplink_quarantined")
    assert b"value=7.0" in event.payload
    one.stop()
    again = courier(sink)
    wait_for(lambda: again.status.quarantined == 1, "it is known after a restart")
    wait_for(lambda: again.status.month_bytes == sink.sent_bytes, "so are the bytes of the month")


def test_a_row_of_another_version_is_kept_aside_and_the_rest_flows(journal, courier, sink):
    step(journal, at(0), (Kind.TRANSITION, {"alarm": "x"}), (Kind.COMMAND, COMMAND), outcomes=(reading(NOW_US, 1.0),))
    one = courier(sink)
    carried(journal)
    assert sorted(point.series for point in sink.order) == ["command", "reading"]
    assert one.status.quarantined >= 1


def test_what_the_destination_keeps_no_longer_is_not_sent(journal, courier, sink):
    now_us = time.time_ns() // 1000
    step(journal, at(0), outcomes=(reading(now_us - 31 * DAY_US, 1.0), reading(now_us, 2.0)))
    one = courier(sink, keep_days=30)
    carried(journal)
    assert [point.fields["value"] for point in sink.order] == [2.0]
    wait_for(lambda: one.status.too_old == 1, "it is told")


def test_a_fault_of_our_own_does_not_end_the_uplink(journal, courier, sink, monkeypatch, caplog):
    write, faults = sink.write, iter((RuntimeError("surprise"),))

    def writes(points):
        for fault in faults:
            raise fault
        write(points)

    monkeypatch.setattr(sink, "write", writes)
    step(journal, at(0), outcomes=(reading(NOW_US, 1.0),))
    courier(sink)
    carried(journal)
    assert len(sink.order) == 1
    assert "surprise" in caplog.text


def test_the_back_off_ends_at_thirty_seconds_and_is_never_the_same():
    backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
    waits = [backoff.next_s() for _ in range(12)]
    assert max(waits) <= 30.0
    assert min(waits[-4:]) >= 15.0
    assert len(set(waits[-4:])) == 4
