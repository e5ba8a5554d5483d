"""The command lines `bocamina exposure` and `bocamina convert`, as a person types them."""

import json

import pytest

from bocamina.cli import run

RECORD = "substance,value,unit,duration_s\nco,30,ppm,7200\nco,10,ppm,14400\nco,20,ppm,21600\n"
SUBSTANCE_KEYS = {
    "unit", "samples", "covered_s", "gap_s", "mean", "e8", "mean_shift", "rolling_8h_max", "stel_max", "peak", "limits",
}  # fmt: skip
LIMIT_KEYS = {
    "regime", "kind", "method", "averaging_minutes", "limit", "base_limit", "value", "low", "high", "coverage",
    "fraction", "verdict", "source", "confidence",
}  # fmt: skip


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "turno.csv"
    path.write_text(RECORD, encoding="utf-8")
    return str(path)


def spoken(capsys, *arguments, status=0):
    assert run(arguments) == status
    return capsys.readouterr()


def test_json_has_the_keys_of_the_interface_to_the_letter(record, capsys):
    document = json.loads(spoken(capsys, "exposure", record, "--regime", "peru", "--json").out)
    assert set(document) == {"substances", "mixture"}
    assert set(document["substances"]["co"]) == SUBSTANCE_KEYS
    for row in document["substances"]["co"]["limits"]:
        assert set(row) >= LIMIT_KEYS
        assert row["regime"] == "peru"


@pytest.mark.parametrize("typed", [["peru", "--regime", "osha"], ["peru,osha"], ["peru", "osha"]])
def test_several_regimes_can_be_typed_in_each_usual_way(record, capsys, typed):
    document = json.loads(spoken(capsys, "exposure", record, "--regime", *typed, "--json").out)
    assert [row["regime"] for row in document["substances"]["co"]["limits"]] == ["peru", "osha"]


def test_without_a_regime_all_of_them_answer(record, capsys):
    rows = json.loads(spoken(capsys, "exposure", record, "--json").out)["substances"]["co"]["limits"]
    assert {row["regime"] for row in rows} == {"peru", "acgih", "niosh", "osha", "msha", "msha_legacy", "eu"}


def test_the_table_speaks_spanish_and_says_what_is_unconfirmed(record, capsys):
    text = spoken(capsys, "exposure", record, "--regime", "peru", "--shift-hours", "12").out
    for words in ("EXCEDIDO", "valor por confirmar", "datos válidos", "Brief y Scala", "DS 024-2016-EM", "no autoriza"):
        assert words in text
    assert "\x1b" not in text


def test_the_table_speaks_english(record, capsys):
    text = spoken(capsys, "exposure", record, "--regime", "osha", "--language", "en").out
    assert "within the limit" in text
    assert "29 CFR 1910.1000" in text


def test_the_table_shows_mixtures_and_substances_without_limits(tmp_path, capsys):
    path = tmp_path / "m.csv"
    rows = "0,no2,2,ppm,28800\n0,so2,1.0,ppm,28800\n0,pm10,,ug/m3,60\n"
    path.write_text(f"time,substance,value,unit,duration_s\n{rows}", encoding="utf-8")
    text = spoken(capsys, "exposure", str(path), "--regime", "peru").out
    assert "irritantes respiratorios TWA: 1.167  EXCEDIDO" in text
    assert "sin límites" in text


def test_a_mixture_of_too_little_data_is_never_shown_as_kept(tmp_path, capsys):
    path = tmp_path / "m.csv"
    path.write_text("duration_s,substance,value,unit\n3600,no2,0.1,ppm\n3600,so2,0.1,ppm\n", encoding="utf-8")
    arguments = ("exposure", str(path), "--regime", "peru", "--shift-hours")
    assert "irritantes respiratorios TWA: 0.01042  ≤ 1" in spoken(capsys, *arguments, "1").out
    assert "irritantes respiratorios TWA: 0.01042  datos insuficientes" in spoken(capsys, *arguments, "8").out


def test_altitude_changes_mass_units(tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("substance,value,unit,duration_s\nco,18.52,mg/m3,28800\n", encoding="utf-8")
    arguments = ["exposure", str(path), "--json", "--temperature", "15"]
    high = json.loads(spoken(capsys, *arguments, "--altitude", "4000").out)["substances"]["co"]["e8"]
    measured = json.loads(spoken(capsys, *arguments, "--pressure", "633.7").out)["substances"]["co"]["e8"]
    assert high == pytest.approx(25.0, abs=0.05)
    assert measured == pytest.approx(25.0, abs=0.05)


WRONG_USE = {
    "no such file": ["missing.csv"],
    "'perú' is no regime": ["FILE", "--regime", "perú"],
    "expected SUBSTANCE=NUMBER": ["FILE", "--full-scale", "co"],
    "--gap-level 'co=x': expected SUBSTANCE=NUMBER": ["FILE", "--gap-level", "co=x"],
    "h2s: the record has no such substance": ["FILE", "--gap-level", "h2s=5"],
    "at least two substances": ["FILE", "--group", "co"],
    "the record has no such substance": ["FILE", "--group", "co,no2"],
    "--max-hold -1": ["FILE", "--max-hold", "-1"],
    "one of them, not both": ["FILE", "--altitude", "4000", "--pressure", "600"],
    "--language": ["FILE", "--language", "de"],
    "--shift-hours -3": ["FILE", "--shift-hours", "-3"],
    "altitude 99999": ["FILE", "--altitude", "99999"],
}


@pytest.mark.parametrize("sentence", WRONG_USE)
def test_wrong_use_is_one_sentence_and_status_2(record, capsys, sentence):
    arguments = [record if one == "FILE" else one for one in WRONG_USE[sentence]]
    said = spoken(capsys, "exposure", *arguments, "--json", status=2)
    assert said.out == ""
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err


def test_a_file_that_is_no_text(tmp_path, capsys):
    path = tmp_path / "image.csv"
    path.write_bytes(b"\xff\xd8\xff\xe0" * 50)
    assert "not UTF-8" in spoken(capsys, "exposure", str(path), status=2).err


def test_convert_vector_4(capsys):
    units = ["--from", "ppm", "--to", "mg/m3"]
    arguments = ["25", *units, "--substance", "co", "--temperature", "15", "--pressure", "633.7"]
    document = json.loads(spoken(capsys, "convert", *arguments, "--json").out)
    assert set(document) == {"value", "unit", "temperature_c", "pressure_hpa", "molar_volume_l"}
    assert document["value"] == pytest.approx(18.52, abs=0.005)
    assert document["molar_volume_l"] == pytest.approx(37.81, abs=0.005)
    assert "18.52" in spoken(capsys, "convert", *arguments).out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["1", "--from", "ppm", "--to", "mg/m3", "--substance", "xx"], "'xx' is not known"),
        (["1", "--from", "ppm", "--to", "inches", "--substance", "co"], "'inches' cannot be converted"),
        (["1", "--from", "ppm", "--to", "mg/m3", "--substance", "pm10"], "no molar mass"),
        (["nan", "--from", "ppm", "--to", "mg/m3", "--substance", "co"], "expected a finite number"),
    ],
)
def test_convert_refuses_in_one_sentence(capsys, arguments, sentence):
    said = spoken(capsys, "convert", *arguments, status=2)
    assert sentence in said.err
    assert said.err.count("\n") == 1


RULES = (
    "time,substance,value,unit,duration_s\n0,dust_respirable,4,mg/m3,28800\n0,h2s,3,ppm,1800\n1800,h2s,0,ppm,27000\n"
)


def test_short_exposures_dose_and_the_order_to_stop_are_said(tmp_path, capsys):
    path = tmp_path / "r.csv"
    path.write_text(RULES, encoding="utf-8")
    text = spoken(capsys, "exposure", str(path), "--regime", "peru,acgih", "--quartz", "20").out
    for words in (
        "PARALIZAR EL TRABAJO", "dosis 133.3 % del límite", "nivel de acción 1.5 mg/m3: EXCEDIDO", "DEMASIADO LARGA",
        "silica_respirable [mg/m3]", "TWA (quartz)",
    ):  # fmt: skip
        assert words in text
    assert "cristobalite" not in text
    text = spoken(capsys, "exposure", str(path), "--regime", "peru", "acgih", "--language", "en").out
    for words in ("STOP WORK", "dose 133.3 % of the limit", "TOO LONG"):
        assert words in text
    assert "silica" not in text


def test_what_is_added_stands_in_the_rows_only(tmp_path, capsys):
    path = tmp_path / "r.csv"
    path.write_text(RULES, encoding="utf-8")
    arguments = ["exposure", str(path), "--json", "--regime", "msha_legacy,acgih", "--quartz", "20"]
    document = json.loads(spoken(capsys, *arguments, "--cristobalite", "5").out)
    assert set(document) == {"substances", "mixture"}
    assert list(document["substances"]) == ["dust_respirable", "h2s", "silica_respirable"]
    for one in document["substances"].values():
        assert set(one) == SUBSTANCE_KEYS
        for row in one["limits"]:
            assert set(row) >= LIMIT_KEYS
            assert row["method"] in {"e8", "brief_scala", "rolling", "instant", "excursion", "niosh_10h"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--quartz", "0"], "quartz 0 %: expected the laboratory's share"),
        (["--quartz", "60", "--cristobalite", "60"], "120 % together, expected at most 100"),
    ],
)
def test_a_wrong_share_is_one_sentence_and_status_2(tmp_path, capsys, options, sentence):
    path = tmp_path / "r.csv"
    path.write_text(RULES, encoding="utf-8")
    said = spoken(capsys, "exposure", str(path), *options, status=2)
    assert sentence in said.err
    assert said.err.count("\n") == 1


def test_a_share_without_dust_is_refused(record, capsys):
    assert "expected dust_respirable" in spoken(capsys, "exposure", record, "--quartz", "10", status=2).err


def test_the_percentile_of_former_shifts_fills_gaps_of_the_best_estimate(tmp_path, capsys):
    path = tmp_path / "turno.csv"
    path.write_text("time,substance,value,unit,duration_s\n0,co,10,ppm,14400\n", encoding="utf-8")
    asked = ("exposure", str(path), "--regime", "peru", "--shift-hours", "8", "--json")

    def value(*more):
        rows = json.loads(spoken(capsys, *asked, *more).out)["substances"]["co"]["limits"]
        return rows[0]["value"], rows[0]["low"]

    assert value() == (10.0, 5.0)
    assert value("--gap-level", "co=16") == (13.0, 5.0)
    assert value("--gap-level", "co=3") == (10.0, 5.0), "the last valid level is above it"


def test_a_peak_of_osha_is_said_in_words(tmp_path, capsys):
    path = tmp_path / "turno.csv"
    path.write_text("substance,value,unit,duration_s\nh2s,30,ppm,720\nh2s,0,ppm,28080\n", encoding="utf-8")
    spanish = spoken(capsys, "exposure", str(path), "--regime", "osha").out
    assert "por encima del techo de 20 ppm: 1 veces, 12 min en total; DEMASIADO LARGA" in spanish
    english = spoken(capsys, "exposure", str(path), "--regime", "osha", "--language", "en").out
    assert "above the ceiling of 20 ppm: 1 times, 12 min together; TOO LONG" in english
