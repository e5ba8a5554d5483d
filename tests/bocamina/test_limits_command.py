"""`bocamina limits` as a person and a script meet it."""

import json

import pytest

from bocamina.cli import run


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert run(["limits", "--json", *arguments]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, list)
    return found


def test_json_has_the_keys_of_the_interface(capsys: pytest.CaptureFixture[str]) -> None:
    for row in rows(capsys):
        wanted = {"regime", "substance", "kind", "averaging_minutes", "value", "unit", "source", "confidence"}
        assert wanted <= row.keys()
        assert row["confidence"] in ("V", "M")
        assert row["source"]


def test_one_substance_under_one_regime(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = rows(capsys, "--substance", "co", "--regime", "peru")
    assert (row["value"], row["unit"], row["kind"], row["averaging_minutes"]) == (25.0, "ppm", "TWA", 480)
    assert "DS 024-2016-EM" in str(row["source"])
    assert "DS 015-2005-SA" in str(row["source"])


@pytest.mark.parametrize("name", ["silica_respirable", "silica", "quartz", "SiO2", "Quartz (respirable)"])
def test_a_substance_may_be_called_by_any_of_its_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys, "--substance", name, "--regime", "eu")
    assert {row["phase"] for row in found} == {"quartz", "cristobalite"}


def test_diesel_as_total_and_as_elemental_carbon_stay_apart(capsys: pytest.CaptureFixture[str]) -> None:
    found = {row["substance"]: row["value"] for row in rows(capsys, "--substance", "dpm")}
    assert found == {"dpm_tc": 0.16, "dpm_ec": 0.05}


def test_regimes_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(capsys, "--substance", "no2", "--regime", "acgih", "--regime", "peru")
    assert [(row["regime"], row["kind"], row["value"]) for row in found] == [
        ("peru", "TWA", 3.0), ("peru", "STEL", 5.0), ("acgih", "TWA", 0.2),
    ]  # fmt: skip


def test_a_known_quantity_without_a_limit_is_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert rows(capsys, "--substance", "o3") == []
    assert run(["limits", "--substance", "o3", "--language", "en"]) == 0
    assert capsys.readouterr().out == "no such limit\n"


def test_the_table_shows_what_is_unconfirmed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["limits", "--substance", "h2s", "--regime", "peru", "--regime", "niosh"]) == 0
    peru_twa, peru_stel, niosh_ceiling, niosh_idlh = capsys.readouterr().out.splitlines()[1:]
    assert "unconfirmed / valor por confirmar" in peru_twa
    assert "unconfirmed / valor por confirmar" in peru_stel
    assert "10 min" in niosh_ceiling
    assert "unconfirmed" not in niosh_idlh


def test_the_open_items(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["limits", "--open", "--regime", "peru"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("21 of 27 limits are unconfirmed / valor por confirmar.\n")
    assert "Anexo 15" in output


def test_the_open_items_list_every_unconfirmed_value_and_how_to_sign_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["limits", "--open", "--regime", "peru", "--substance", "co"]) == 0
    output = capsys.readouterr().out
    assert "> 25  ppm" in output
    assert '[[limits]]\nregime = "peru"\nquantity = "co"\nkind = "TWA"\naveraging_minutes = 480\nvalue = 25' in output
    assert run(["limits", "--open", "--json", "--regime", "peru"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (len(document["items"]), len(document["unconfirmed"])) == (6, 21)


def test_the_old_silica_limit_of_msha_is_shown_as_the_formula_that_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    quartz, cristobalite = rows(capsys, "--regime", "msha_legacy", "--substance", "silica")
    assert (quartz["value"], quartz["formula"], quartz["measured"]) == (None, "10 / (Q + 2)", "dust_respirable")
    assert (cristobalite["formula"], cristobalite["phase"]) == ("5 / (Q + 2)", "cristobalite")
    quartz, _ = rows(capsys, "--regime", "msha_legacy", "--substance", "dust_respirable", "--quartz", "20")
    assert quartz["value"] == pytest.approx(0.4545, abs=5e-5)
    assert run(["limits", "--regime", "msha_legacy", "--substance", "quartz", "--quartz", "20"]) == 0
    assert "> 10 / (Q + 2) = 0.4545  mg/m3" in capsys.readouterr().out


def test_each_row_has_its_edition_version_dates_and_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    every = [row for row in rows(capsys) if "formula" not in row]
    assert all(row["edition"] and row["version"] for row in every)
    assert all(row["confirmed_by"] is None and row["confirmed_on"] is None for row in every)
    assert {row["table"] for row in every if row["comparison"] == "reaches"} == {"MSHA_CH4_CAT_VI", "MSHA_CH4_MACHINE"}
    (diesel,) = rows(capsys, "--regime", "eu", "--substance", "dpm_ec")
    assert diesel["effective_from"] == "2026-02-21"
    assert rows(capsys, "--regime", "eu", "--substance", "dpm_ec", "--on", "2026-02-20") == []


def test_the_table_says_when_a_limit_is_exceeded_in_both_languages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["limits", "--substance", "o2", "--regime", "peru"]) == 0
    spanish = capsys.readouterr().out
    assert "excede si" in spanish
    assert "< 19.5" in spanish
    assert "> 22.5" in spanish
    assert run(["limits", "--substance", "ch4", "--regime", "msha", "--language", "en"]) == 0
    english = capsys.readouterr().out
    assert "exceeded if" in english
    assert "≥ 0.5" in english


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--quartz", "-1"], "--quartz -1: expected 0 to 100 %"),
        (["--on", "yesterday"], "--on: 'yesterday' is no date; expected YYYY-MM-DD"),
        (["--language", "qu"], "--language: 'qu'; expected one of es, en"),
        (["--regime", "site"], "--regime: 'site' is no regime; expected one of peru"),
        (["--regime", "perú"], "--regime: 'perú' is no regime; expected one of peru, acgih, niosh, osha, msha, "),
        (["--substance", "gold"], "--substance: 'gold' is not known; expected one of co, co2, "),
    ],
)
def test_wrong_names(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["limits", *arguments]) == 2
    output = capsys.readouterr()
    assert output.err.startswith(sentence)
    assert output.err.count("\n") == 1
    assert output.out == ""
