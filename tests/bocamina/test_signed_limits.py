"""What an officer signs in the site file: checked, shown, judged, and alarming with name and day."""

import json
from datetime import date
from pathlib import Path

import pytest

from bocamina.cli import run
from bocamina.engine import Engine
from bocamina.site_file import parse_site
from bocamina.site_remarks import remarks
from gateway.domain.errors import ConfigError
from gateway.domain.events import Pack, Sample, Started, Tick
from gateway.domain.moment import SECOND_US, Moment
from tests.end_to_end.mine import site_text

START = 1_795_000_000 * SECOND_US
CO, NO2 = 0, 1
ANA = '[[people]]\nid = "ana-q"\nname = "Ana Quispe"\nrole = "officer"\n'
MINER = '[[people]]\nid = "rosa"\nname = "Rosa"\nrole = "miner"\n'


def signature(quantity: str, kind: str, value: float, more: str = "", by: str = "ana-q") -> str:
    return (
        f'[[limits]]\nquantity = "{quantity}"\nkind = "{kind}"\nvalue = {value}\n'
        f'confirmed_by = "{by}"\nconfirmed_on = 2026-11-01\n{more}\n'
    )


def text(*signatures: str) -> str:
    return site_text(1883) + ANA + MINER + "".join(signatures)


def engine(*signatures: str) -> Engine:
    return Engine(parse_site(text(*signatures).encode()), "hash")


def breathe(one: Engine, sensor: int, value: float, seconds: int) -> dict[str, object]:
    """Let a sensor read a level every second; every alarm document by its name."""
    documents: dict[str, object] = {}
    for second in range(seconds):
        at = START + second * SECOND_US
        pack = Pack("nodes", "node7", (Sample(sensor, value),))
        documents |= one.step(Moment(at, at), [Started("hash", "test")] * (second == 0) + [pack, Tick()]).documents
    return documents


def limits_shown(one: Engine, sensor: int, seconds: int) -> list[dict[str, object]]:
    at = START + seconds * SECOND_US
    found = one.channels.documents_of(sensor, Moment(at, at))[1]["limits"]
    assert isinstance(found, list)
    return found


def test_a_stricter_internal_stel_alarms_with_the_persons_name_and_the_day() -> None:
    documents = breathe(engine(signature("no2", "STEL", 1.0)), NO2, 1.2, 16 * 60)
    alarm = documents["alarm/no2-frente-1.stel"]
    assert isinstance(alarm, dict)
    assert (alarm["limit"], alarm["regime"]) == (1.0, "site")
    assert alarm["source"] == "internal limit of the mine; confirmed by Ana Quispe on 2026-11-01"
    assert "alarm/no2-frente-1.stel" not in breathe(engine(), NO2, 1.2, 16 * 60)


def test_a_stricter_internal_twa_warns_as_the_ladder_does_by_the_minute_mean() -> None:
    """Sites above 3,000 m are offered a signed 20 ppm of CO (limits reference 4.7)."""
    alarm = breathe(engine(signature("co", "TWA", 20)), CO, 21.0, 120)["alarm/co-frente-1.level"]
    assert isinstance(alarm, dict)
    assert (alarm["priority"], alarm["limit"], alarm["regime"]) == ("warning", 20.0, "site")
    assert "Ana Quispe on 2026-11-01" in str(alarm["source"])
    assert "alarm/co-frente-1.level" not in breathe(engine(), CO, 21.0, 120)


def test_a_confirmed_limit_of_the_law_names_the_person_in_its_alarm_and_exposure() -> None:
    one = engine(signature("no2", "STEL", 5))
    alarm = breathe(one, NO2, 6.0, 16 * 60)["alarm/no2-frente-1.stel"]
    assert isinstance(alarm, dict)
    assert (alarm["limit"], alarm["regime"]) == (5.0, "peru")
    assert str(alarm["source"]).endswith("; confirmed by Ana Quispe on 2026-11-01")
    shown = {row["kind"]: row for row in limits_shown(one, NO2, 16 * 60)}
    assert (shown["STEL"]["confirmed_by"], shown["STEL"]["confirmed_on"]) == ("Ana Quispe", "2026-11-01")
    assert (shown["TWA"]["confirmed_by"], shown["TWA"]["confidence"]) == (None, "M")


def test_an_internal_limit_that_the_channel_cannot_resolve_alarms_but_is_never_kept() -> None:
    """NO2 0.2 ppm at steps of 0.1 ppm: signed limits always alarm, and earn no `compliant` (limits reference 6.7)."""
    one = engine(signature("no2", "CEILING", 0.2))
    breathe(one, NO2, 0.1, 60)
    (row,) = (row for row in limits_shown(one, NO2, 60) if row["regime"] == "site")
    assert (row["verdict"], row["reason"]) == ("indeterminate", "resolution")
    assert "alarm/no2-frente-1.ceiling" in breathe(engine(signature("no2", "CEILING", 0.2)), NO2, 0.4, 60)


def test_drift_since_the_calibration_takes_a_limit_out_of_sight() -> None:
    """0.5 ppm a year from January to November: 0.1 + 0.4 ppm of noise and drift do not resolve EU's 0.5 ppm."""
    cell = "period_s = 1\nfull_scale = 20\ndrift_per_year = 0.5\ncalibration = { date = 2026-01-01 }"
    site = text().replace("period_s = 1\nfull_scale = 20", cell)
    site = site.replace('name = "Bocamina Orex 1"', 'name = "Bocamina Orex 1"\nregimes = ["peru", "eu"]')
    parsed = parse_site(site.encode())
    one = Engine(parsed, "hash")
    breathe(one, NO2, 0.1, 60)
    shown = {(row["regime"], row["kind"]): row["reason"] for row in limits_shown(one, NO2, 60)}
    assert shown["eu", "TWA"] == "resolution"
    assert shown["peru", "TWA"] != "resolution"
    new = " ".join(remarks(parsed, date(2026, 1, 1)))
    old = " ".join(remarks(parsed, date(2026, 11, 23)))
    assert "drift" not in new
    assert "'no2-frente-1' has noise and drift of 0.546 ppm, too coarse for eu TWA 0.5, eu STEL 1: these" in old


@pytest.mark.parametrize(
    ("signatures", "sentence"),
    [
        ([signature("co", "TWA", 30)], "limits[0].value: 30 ppm is laxer than peru's TWA 25 ppm ("),
        ([signature("o2", "MIN", 19)], "limits[0].value: 19 %vol is laxer than peru's MIN 19.5 %vol ("),
        (
            [signature("co", "TWA", 20, by="rosa")],
            "limits[0].confirmed_by: 'rosa' is of role 'miner'; expected the saf",
        ),
        (
            [signature("co", "TWA", 20).replace("2026-11-01", '"1/11/26"')],
            "limits[0].confirmed_on: '1/11/26' is no date",
        ),
        (
            [signature("co", "TWA", 25, 'regime = "perru"')],
            "limits[0].regime: 'perru' is not known here; expected one of",
        ),
        ([signature("co", "TWA", 20), signature("co", "TWA", 21)], "limits[1]: signs the same limit as limits[0]; exp"),
        ([signature("co", "TVA", 20)], "limits[0].kind: 'TVA' is not known here; expected one of TWA, STEL, CEILING"),
        (["[limits]\nx = 1\n"], "limits: not a list of tables; expected [[limits]] in double brackets"),
    ],
)
def test_what_is_wrong_with_a_signature_is_one_sentence(signatures: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_site(text(*signatures).encode())
    (problem,) = caught.value.problems
    assert problem.startswith(sentence)


def test_check_accepts_what_is_stricter_and_remarks_an_unknown_signer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text(signature("co", "TWA", 25), signature("co", "TWA", 20, by="Ana Q")))
    assert run(["check", str(path)]) == 0
    assert "remark: limits[1].confirmed_by: 'Ana Q' is nobody of [[people]]" in capsys.readouterr().out


def test_limits_of_a_site_show_signatures_and_the_mines_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text(signature("co", "TWA", 25), signature("co", "TWA", 20)))
    ask = ["limits", "--site", str(path), "--substance", "co", "--regime", "peru", "--regime", "site"]
    assert run(ask) == 0
    confirmed, own = capsys.readouterr().out.splitlines()[1:]
    assert "[confirmado por Ana Quispe el 2026-11-01]" in confirmed
    assert "unconfirmed" not in confirmed + own
    assert own.startswith("site")
    assert run([*ask, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["regime"], row["value"], row["confirmed_by"]) for row in rows] == [
        ("peru", 25.0, "Ana Quispe"), ("site", 20.0, "Ana Quispe"),
    ]  # fmt: skip
    assert run([*ask, "--open"]) == 0
    assert capsys.readouterr().out.startswith("0 of 2 limits are unconfirmed")
