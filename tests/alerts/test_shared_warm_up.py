"""A value in warm-up counts from its start where a second good channel sees it too (limits reference 6.5)."""

import pytest

from alerts.model import Priority
from gateway.domain.quality import Reason
from gateway.domain.site import Site
from tests.alerts.desk_mine import UNCERTAIN, Mine, a_site

WARM = (UNCERTAIN, Reason.WARMING_UP)


def twins(zone="frente"):
    site = a_site().model_dump(by_alias=True)
    site["sensors"] += ({**site["sensors"][0], "id": "co-2", "zone": zone, "channel": "n/co-2", "role": None},)
    mine = Mine(Site.model_validate(site))
    mine.seconds(2, co_2=0)
    return mine


def test_alone_it_raises_nothing():
    mine = twins()
    mine.seconds(60, co=(500, *WARM), co_2=0)
    assert "co.level" not in mine.standing()


def test_a_second_good_channel_over_the_same_rung_makes_it_count_from_its_start():
    """The one in warm-up has been over for 20 s when the good one sees its first second of it."""
    mine = twins()
    mine.seconds(20, co=(500, *WARM), co_2=0)
    mine.second(co=(500, *WARM), co_2=500)
    assert mine.priority("co.level") is Priority.EVACUATE
    assert "co-2.level" not in mine.standing(), "that one has five seconds of its own to wait"


@pytest.mark.parametrize("other", [500, 30])
def test_one_beside_it_in_warm_up_or_below_the_rung_is_no_witness(other):
    mine = twins()
    mine.seconds(40, co=(500, *WARM), co_2=(500, *WARM) if other == 500 else other)
    assert mine.desk.alarm("co.level") is None or mine.priority("co.level") < Priority.HIGH


def test_nor_is_one_of_another_zone():
    mine = twins(zone="galeria")
    mine.seconds(40, co=(500, *WARM), co_2=500)
    assert "co.level" not in mine.standing()
    assert "co-2.level" in mine.standing()


def test_a_minute_of_warm_up_counts_where_the_other_ones_minute_does():
    mine = twins()
    mine.seconds(120, co=(30, *WARM), co_2=30)
    assert mine.priority("co-2.level") is Priority.WARNING
    assert mine.priority("co.level") is Priority.WARNING


def test_a_shared_value_is_shared_over_a_restart():
    plain, restarted = twins(), twins()
    for n in range(30):
        for mine in (plain, restarted):
            mine.second(co=(500, *WARM), co_2=500 if n > 9 else 0)
        restarted.restart()
    assert plain.told == restarted.told
    assert plain.desk.dump() == restarted.desk.dump()
