"""What the journal lost is an alarm that stands until a person resets it, whatever happens to the gateway meanwhile."""

from types import SimpleNamespace

from bocamina.engine import Engine
from bocamina.site_file import parse_site
from bocamina.troubles import Troubles
from gateway.domain.events import JournalLoss, Request, Tick
from gateway.domain.moment import SECOND_US, Moment
from tests.end_to_end.mine import site_text

SITE = parse_site(site_text(1883).encode())
LOSS = JournalLoss(7, "journal_salvaged", "3 rows are lost between a and b, 9 are saved; the damaged file is kept as c")


def at(second: int) -> Moment:
    return Moment(second * SECOND_US, 1_795_000_000 * SECOND_US)


def ask(ident: str, action: str, **args: str) -> Request:
    return Request(ident, action, "ana", "officer", "gateway.journal_salvaged", args)


def troubles(engine: Engine) -> list[str]:
    writer = SimpleNamespace(failure=None, stalled_s=0.0, alive=True)
    archive = SimpleNamespace(trouble=None)
    return Troubles(SimpleNamespace(silent_s={})).sentences(writer, archive, engine.desk.active())


def test_a_loss_calls_and_stays_until_a_person_resets_it() -> None:
    engine = Engine(SITE, "hash")
    out = engine.step(at(1), [LOSS])
    assert [(t.alarm, t.new, t.priority.word) for t in out.transitions] == [
        ("gateway.journal_salvaged", "unack", "warning")
    ]
    assert out.transitions[0].reason == LOSS.detail
    assert troubles(engine) == [f"journal: {LOSS.detail}"]
    for second in range(2, 200):
        assert engine.step(at(second), [Tick()]).documents.get("alarm/gateway.journal_salvaged") is None
    engine.step(at(200), [ask("1", "acknowledge")])
    assert troubles(engine), "seen, and not yet done with"
    engine.step(at(201), [ask("2", "reset", comment="tarjeta cambiada")])
    assert troubles(engine) == []
    assert engine.desk.alarm("gateway.journal_salvaged").state == "normal"


def test_it_is_told_again_at_every_start_and_heard_once() -> None:
    engine = Engine(SITE, "hash")
    engine.step(at(1), [LOSS])
    engine.step(at(2), [ask("1", "acknowledge")])
    engine.step(at(3), [ask("2", "reset", comment="visto")])
    again = Engine(SITE, "hash")
    again.load(engine.dump())
    assert again.step(at(4), [LOSS]).transitions == []
    assert again.desk.alarm("gateway.journal_salvaged").state == "normal"


def test_another_loss_calls_anew() -> None:
    engine = Engine(SITE, "hash")
    engine.step(at(1), [LOSS])
    engine.step(at(2), [ask("1", "acknowledge")])
    out = engine.step(at(3), [JournalLoss(8, "journal_salvaged", "4 rows are lost")])
    assert [t.new for t in out.transitions][-1] == "unack"
    assert troubles(engine) == ["journal: 4 rows are lost"]


def test_readings_that_were_refused_are_an_alarm_of_their_own() -> None:
    out = Engine(SITE, "hash").step(at(1), [JournalLoss(3, "journal_overflow", "20 readings were refused")])
    assert [t.alarm for t in out.transitions] == ["gateway.journal_overflow"]
    assert out.transitions[0].document["title_en"] == "Readings were refused: the disk did not take them"
