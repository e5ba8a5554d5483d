"""A portable reading in one line of text: what is understood, and one sentence for each mistake."""

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.protocols.gas_line import BOOK, GasLine, bump_date, read_gas_line
from alerts.protocols.portable import PortableReadings
from gateway.domain.errors import ConfigError
from gateway.domain.events import Request
from gateway.domain.moment import SECOND_US, Moment
from gateway.domain.site import Site

TODAY = date(2026, 11, 23)
ZONES = [
    {"id": "frente-1", "name": "Frente 1", "kind": "face", "sms_name": "F1"},
    {"id": "nivel-2", "name": "Nivel 2", "kind": "gallery", "sms_name": "Nv 2"},
    {"id": "polvorin", "name": "Polvorín", "kind": "magazine"},
]
SITE = Site.model_validate({"site": {"id": "mina", "name": "Mina"}, "zones": ZONES})
FULL = {"co": 12.0, "no2": 0.4, "co2": 900.0, "o2": 20.3}


def read(text: str) -> GasLine:
    return read_gas_line(text, SITE, TODAY)


def mistakes(text: str, lang: str = "en") -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read_gas_line(text, SITE, TODAY, lang)
    return caught.value.problems


@pytest.mark.parametrize(
    "text",
    [
        "GAS F1 CO 12 NO2 0.4 CO2 900 O2 20.3",
        "gas frente-1 co 12 no2 0,4 co2 900 o2 20,3",
        "  Gases  Frente 1\tCO=12, NO2:0.4; CO2 900ppm O2 20.3 %vol\n",
        "LECTURA f1 monóxido 12 no2 ,4 CO2 900 ppm OXÍGENO 20.3%",
        "reading F1 CO 12ppm NO2 400 ppb CO2 0.09 % oxygen 20.3",
    ],
)
def test_one_reading_written_in_many_ways(text: str) -> None:
    line = read(text)
    assert (line.zone, line.gases) == ("frente-1", pytest.approx(FULL))
    assert line.args() == {"gases": line.gases}


@pytest.mark.parametrize(
    ("written", "zone"), [("Nv 2", "nivel-2"), ("nv 2", "nivel-2"), ("nivel-2", "nivel-2"), ("POLVORIN", "polvorin")]
)
def test_a_zone_by_its_id_its_short_name_or_its_name(written: str, zone: str) -> None:
    assert read(f"GAS {written} CO 1").zone == zone


@pytest.mark.parametrize(
    "tail",
    [
        "PUNTO tope izquierdo EQUIPO MX4-1234 PRUEBA 2026-11-20 CON luis, pedro",
        "con luis pedro bump 20/11/2026 serie MX4-1234 point tope izquierdo",
    ],
)
def test_who_where_with_what_and_its_bump_test(tail: str) -> None:
    line = read(f"GAS F1 CO 12 {tail}")
    assert (line.point, line.instrument, line.bump) == ("tope izquierdo", "MX4-1234", "2026-11-20")
    assert line.people == ("luis", "pedro")
    assert read("GAS F1 CO 1 BUMP hoy").bump == bump_date("today", TODAY) == "2026-11-23"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it says nothing"),
        ("CO 12", "'CO' is not GAS"),
        ("GAS F9 CO 12", "'F9' is no zone; expected one of F1, Nv 2, polvorin"),
        ("GAS", "'' is no zone"),
        ("GAS F1", "no gas stands in it"),
        ("GAS F1 CO12", "'CO12' is no gas"),
        ("GAS F1 XY 12 CO 1", "'XY' is no gas"),
        ("GAS F1 CO doce", "CO: 'doce' is no number"),
        ("GAS F1 CO NO2 1", "CO: its value is missing"),
        ("GAS F1 NO2 1 CO", "CO: its value is missing"),
        ("GAS F1 CO 2 900", "'900' is no gas"),
        ("GAS F1 CO 1 co 2", "CO stands there twice"),
        ("GAS F1 CO -1", "CO: -1 cannot be"),
        ("GAS F1 O2 203", "O2: 203 cannot be; expected at most 100 %vol"),
        ("GAS F1 CH4 10 %LEL", "CH4: %LEL will not do"),
        ("GAS F1 CH4 10 LIE", "CH4: LIE will not do"),
        ("GAS F1 CO 12 mg/m3", "CO: the unit mg/m3 cannot be converted to ppm"),
        ("GAS F1 CO 12kg", "CO: the unit kg cannot be converted"),
        ("GAS F1 CO nan", "CO: 'nan' is no number"),
        ("GAS F1 CO 1 PUNTO", "'PUNTO' says nothing"),
        ("GAS F1 CO 1 BUMP ayer", "the bump test 'ayer' is no date"),
        ("GAS F1 CO 1 BUMP 31/02/2026", "the bump test '31/02/2026' is no date"),
        ("GAS F1 CO 1 BUMP 2026-11-24", "the bump test '2026-11-24' lies in the future"),
    ],
)
def test_each_mistake_is_one_sentence(text: str, words: str) -> None:
    (sentence,) = mistakes(text)
    assert words in sentence
    assert "expected" in sentence or "as in" in sentence


def test_all_mistakes_are_told_at_once_and_in_spanish_to_who_speaks_it() -> None:
    assert len(mistakes("GAS F9 CO doce O2 203 BUMP ayer")) == 4
    assert mistakes("GAS F9 CO 12", "es") == ("'F9' no es una zona; se espera F1, Nv 2, polvorin",)
    with pytest.raises(ConfigError, match="no es una zona"):
        read("GAS F9 CO 1")  # a Spanish site


def test_two_zones_of_one_name_are_told_apart_by_their_ids() -> None:
    twins = [{"id": "a", "name": "Tajo", "kind": "stope"}, {"id": "b", "name": "tajo", "kind": "stope"}]
    site = Site.model_validate({"site": {"id": "mina", "name": "Mina"}, "zones": twins})
    with pytest.raises(ConfigError, match="more than one zone; expected the id, one of a, b"):
        read_gas_line("GAS TAJO CO 1", site, TODAY, "en")
    assert read_gas_line("GAS b CO 1", site, TODAY).zone == "b"


def test_every_sentence_stands_in_both_languages_and_fits_an_sms() -> None:
    for sentences in BOOK["sentences"].values():
        assert set(sentences) == {"es", "en"}
        assert all(text.isascii() and len(text) < 140 for text in sentences.values())


WORDS = st.sampled_from(["GAS", "F1", "CO", "O2", "12", "20.3%", "BUMP", "hoy", "CON", "=", "Nv", "2", "%"])


@settings(max_examples=200, deadline=None)
@given(words=st.lists(WORDS | st.text(max_size=6), max_size=9))
def test_any_text_is_a_reading_or_sentences(words: list[str]) -> None:
    told: tuple[str, ...] = ()
    line = None
    try:
        line = read(" ".join(words))
    except ConfigError as error:
        told = error.problems
    assert bool(told) != bool(line and line.zone and line.gases)
    assert all(sentence and sentence.isprintable() for sentence in told)


def request(**args: Any) -> Request:
    return Request("1", "manual_reading", "ana", "officer", "frente-1", {"gases": {"co": 1}, "instrument": "X"} | args)


def test_the_last_bump_test_is_kept_with_the_reading_and_over_a_restart() -> None:
    now = Moment(SECOND_US, 0)
    kept = PortableReadings(SITE)
    assert kept.request(now, request(bump="2026-11-20")).ok
    refused = kept.request(now, request(bump="yesterday"))
    assert "'yesterday'; expected the date of the test" in (refused.error or "")
    again = PortableReadings(SITE)
    again.load(msgspec.msgpack.decode(msgspec.msgpack.encode(kept.dump())))
    (reading,) = again.of_zone("frente-1", now)
    assert (reading.bump, reading.people) == ("2026-11-20", ("ana",))
    again.load([row[:6] for row in kept.dump()])  # what the first versions wrote
    assert again.of_zone("frente-1", now)[0].bump == ""
