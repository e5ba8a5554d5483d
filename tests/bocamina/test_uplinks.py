"""The uplinks of a site file: which there are, what is told of them, what `check` says."""

from contextlib import ExitStack

import pytest

from bocamina.site_file import parse_site
from bocamina.site_remarks import remarks
from bocamina.uplinks import Uplinks
from gateway.domain.errors import ConfigError
from gateway.stores.journal import Journal
from tests.end_to_end.mine import site_text
from tests.fixtures.mosquitto import free_port
from tests.fixtures.record import know_sensors
from tests.fixtures.waiting import wait_for


def site(extra: str):
    return parse_site(site_text(1883, extra=extra).encode())


def uplinks(extra: str, journal="none.db") -> Uplinks:
    return Uplinks(site(extra), journal, lambda _event: None)


def test_without_a_central_store_there_is_none():
    assert uplinks("").status() == {}


def test_both_are_told_with_their_budget(tmp_path):
    with Journal.open(tmp_path / "journal.db") as journal:
        know_sensors(journal)
    port = free_port()
    influx = f'[influx]\nurl = "http://127.0.0.1:{port}"\n'
    central = f'[central]\nhost = "127.0.0.1"\nport = {port}\nbudget_mb_month = 5\n'
    both = uplinks(influx + central, tmp_path / "journal.db")
    with ExitStack() as stack:
        both.start(stack)
        wait_for(lambda: all(one["month"] for one in both.status().values()), "they run")
    assert list(both.status()) == ["influx", "central"]
    told = both.status()["central"]
    assert (told["budget_mb_month"], told["over_budget"], told["month_mb"]) == (5.0, False, 0.0)
    assert {"behind", "carried_to", "sent", "quarantined", "too_old", "waits_for_clock", "failure"} <= set(told)


@pytest.mark.parametrize("table", ["influx", "central"])
def test_a_secret_that_cannot_be_read_is_one_sentence(table):
    key = {"influx": 'url = "http://x"\ntoken_file', "central": 'host = "x"\nusername = "m"\npassword_file'}[table]
    with pytest.raises(ConfigError, match=rf"{table}\.\w+: '/none': No such file"):
        uplinks(f'[{table}]\n{key} = "/none"\n')


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("[central]\n", "central.host: missing"),
        ('[central]\nhost = "x"\nevery_min = 0\n', "central.every_min: 0"),
        ('[central]\nhost = "x"\nhots = "y"\n', "central.hots: unknown key"),
        ('[influx]\nurl = "http://x"\nretention_days = 0\n', "influx.retention_days: 0"),
        ('[influx]\nurl = "http://x"\nbudget_mb_month = -1\n', "influx.budget_mb_month: -1"),
    ],
)
def test_a_wrong_key_is_found_by_check(extra, words):
    with pytest.raises(ConfigError) as told:
        site(extra)
    assert any(problem.startswith(words) for problem in told.value.problems)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ('[central]\nhost = "127.0.0.1"\nport = 1883\n', "central: the same broker as in [mqtt]"),
        ('[central]\nhost = "mqtt.example"\n', "central.ca_file: without it everything goes"),
        ('[central]\nhost = "mqtt.example"\nca_file = "ca.pem"\n', None),
        ('[central]\nhost = "127.0.0.1"\nport = 1884\n', None),
    ],
)
def test_what_is_right_and_unwise_is_remarked(extra, words):
    found = [remark for remark in remarks(site(extra)) if remark.startswith("central")]
    assert [remark[: len(words)] for remark in found] == [words] if words else found == []
