"""Who is inside decides what High means, and what a declared blast may suppress."""

from alerts.model import State
from gateway.domain.moment import SECOND_US


def test_in_a_verified_empty_zone_high_closes_the_access_and_becomes_real_with_the_first_person(mine):
    mine.desk.set_occupancy(mine.moment, "frente", "empty")
    mine.seconds(10, co=500)
    assert mine.desk.alarm("co.level").extra == {"access": "closed"}
    mine.says("acknowledge")
    mine.desk.set_occupancy(mine.moment, "frente", "unknown")
    mine.listen()
    assert mine.state() is State.UNACK
    assert "access" not in mine.told[-1].document
    assert mine.told[-1].reason == "zone_unknown"


def blast(mine, minutes=90):
    mine.desk.set_occupancy(mine.moment, "frente", "empty")
    mine.desk.suppress(mine.moment, ["frente"], mine.moment.now_us + minutes * 60 * SECOND_US, "blast")


def test_a_declared_blast_in_an_empty_zone_is_suppressed_and_leaves_nothing_behind(mine):
    blast(mine)
    mine.seconds(10, co=500)
    assert mine.state() is State.SUPPRESSED
    document = mine.told[-1].document
    assert (document["underlying"], document["until"]) == ("unack", "2027-01-15T09:30:02.000Z")
    mine.seconds(400)
    assert mine.state() is State.NORMAL


def test_people_pierce_the_suppression(mine):
    blast(mine)
    mine.seconds(10, co=500)
    mine.desk.set_occupancy(mine.moment, "frente", "occupied")
    mine.listen()
    assert (mine.told[-1].old, mine.told[-1].new) == (State.SUPPRESSED, State.UNACK)


def test_gas_that_is_left_when_the_window_ends_announces_itself(mine):
    blast(mine, minutes=1)
    mine.seconds(65, co=500)
    assert mine.state() is State.UNACK
    assert mine.told[-1].reason == "suppression_over"


def test_methane_the_intake_and_silence_are_never_suppressed(mine):
    blast(mine)
    mine.desk.set_occupancy(mine.moment, "bocamina", "empty")
    mine.desk.suppress(mine.moment, ["frente", "bocamina"], mine.moment.now_us + 3600 * SECOND_US, "all")
    mine.seconds(40, ch4=1.2, guard=500, dust=None)
    assert mine.state("ch4.level") is State.UNACK
    assert mine.state("guard.level") is State.UNACK
    assert mine.state("dust.comm_lost") is State.UNACK
