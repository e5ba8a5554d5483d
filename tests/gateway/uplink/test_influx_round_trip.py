"""From the journal through the uplink into a real InfluxDB and back: what a mine recorded is what the centre reads."""

import itertools

from gateway.domain.history import every
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.site import Influx
from gateway.stores.cursors import Cursors
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.influx_history import InfluxHistory
from gateway.stores.redating import DOUBTED, REDATED, TRUSTED
from gateway.stores.rows import Kind
from gateway.uplink.influx import InfluxSink
from tests.contracts.history_records import shift
from tests.fixtures.influx import influx_server  # noqa: F401
from tests.fixtures.record import ALARM, COMMAND, VERDICT, reading, step
from tests.fixtures.waiting import wait_for

NOW_US = 1_795_000_000 * SECOND_US
WRONG_US = 1000 * SECOND_US
"""What a wall clock says that was never set."""
HOUR_US = 3600 * SECOND_US
PERSON = VERDICT | {"sensor": None, "zone": None, "person": "ana", "value": None, "verdict": "uncertain"}


def at(second: int, *, wrong: bool = False) -> Moment:
    shift_us = second * SECOND_US
    return Moment(NOW_US + shift_us, (WRONG_US if wrong else NOW_US) + shift_us, not wrong)


def alarm(number: int) -> tuple[Kind, dict]:
    more = {"occurrence": number, "by": "Ana Ríos" if number % 2 else None, "comment": f'"{number}"\n\\ ok'}
    return Kind.TRANSITION, ALARM | more | {"sensor": None if number % 3 == 0 else "co-1", "utc_us": NOW_US}


def clock(what: str, second: int, **more) -> tuple[Kind, dict]:
    return Kind.CLOCK, {"what": what, "boot": "b", "from_us": at(second).now_us, "skew_us": 0, "why": "test"} | more


def measured_and_judged(journal) -> None:
    """Forty seconds of everything, and the results of two shifts."""
    for second in range(0, 40, 2):
        orders = [(Kind.COMMAND, COMMAND | {"id": f"fan-1-{second}", "setpoint": "off" if second % 4 else second})]
        verdicts = [(Kind.VERDICT, VERDICT | {"low": 0.1 + second}), (Kind.VERDICT, PERSON)]
        step(journal, at(second), *orders, alarm(second), *verdicts, outcomes=(reading(at(second).utc_us, 1.0),))
    for start_us in (NOW_US - 20 * HOUR_US, NOW_US - 8 * HOUR_US):
        step(journal, at(40), *((Kind.SHIFT, shift(sensor, start_us)) for sensor in ("no2-1", "co-1")))


def whole(history, name: str, limit: int, **asked) -> list:
    return list(every(lambda cursor: getattr(history, name)(**asked, limit=limit, cursor=cursor)))


def test_the_centre_reads_what_the_mine_recorded(journal, courier, influx_server):  # noqa: F811
    influx_server.query('CREATE DATABASE "trip"')
    config = Influx(url=influx_server.url, bucket="trip")
    embedded, central = EmbeddedHistory(journal.path), InfluxHistory(config, "orex-01")
    measured_and_judged(journal)
    step(journal, at(50), clock(DOUBTED, 50), alarm(50), (Kind.VERDICT, VERDICT), (Kind.COMMAND, COMMAND))
    for second in (52, 53):
        moment = at(second, wrong=True)
        step(journal, moment, alarm(second), (Kind.VERDICT, VERDICT), outcomes=(reading(moment.utc_us, 5.0),))
    courier(InfluxSink(config))
    wait_for(lambda: len(central.alarms(end_us=NOW_US).items) == 2, "the alarms of the wrong clock are there", 20)
    assert central.alarms() == embedded.alarms(), "doubtful alarms too, as long as nobody knows better"

    pieces = [[at(52).now_us, at(60).now_us, NOW_US - WRONG_US]]
    step(journal, at(60), clock(TRUSTED, 60, redated=pieces), alarm(60))
    step(journal, at(61), clock(REDATED, 60, redated=pieces, rows=2))
    step(journal, at(62), (Kind.SHIFT, shift("co-1", NOW_US - 20 * HOUR_US, corrected=True)))
    step(journal, at(70, wrong=True), clock(DOUBTED, 70, boot="c"), alarm(70), (Kind.COMMAND, COMMAND))
    step(journal, at(80), clock(TRUSTED, 80, boot="d", redated=[]), alarm(80))  # what boot c said is doubted for ever
    with Cursors.open(journal.path) as cursors:
        wait_for(lambda: cursors.cursor("influx") == journal.last_n, "everything is carried", 20)

    ranges = [(None, None), (NOW_US, None), (None, NOW_US), (at(10).utc_us, at(52).utc_us),
              (at(52).utc_us, at(54).utc_us), (NOW_US - 9 * HOUR_US, NOW_US)]  # fmt: skip
    asks = [("commands", {}), ("person_exposures", {"person": "ana"})]
    asks += [
        (name, {"sensors": sensors})
        for name in ("alarms", "exposures", "shift_results")
        for sensors in (None, ["co-1"], ["no2-1", "co-1"])
    ]
    for (name, more), (start_us, end_us), limit in itertools.product(asks, ranges, (5, 1000)):
        asked = {"start_us": start_us, "end_us": end_us} | more
        assert whole(central, name, limit, **asked) == whole(embedded, name, limit, **asked), (name, asked, limit)

    alarms = central.alarms().items
    assert [change.occurrence for change in alarms] == [*range(0, 40, 2), 50, 52, 53, 60, 70, 80], "each of them once"
    assert [change.time_us for change in alarms[21:23]] == [at(52).utc_us, at(53).utc_us], "under their right time"
    assert (len(central.commands().items), len(central.exposures().items)) == (22, 43)
    assert [result.corrected for result in central.shift_results().items] == [True, False, False, False]
