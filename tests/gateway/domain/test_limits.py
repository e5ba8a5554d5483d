"""The limit tables: every row is there, converted, with its source."""

import csv
import dataclasses
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigError
from gateway.domain.limit_reader import read_regimes
from gateway.domain.limits import (
    TABLES,
    all_limits,
    idlh,
    limits_for,
    msha_legacy_dust_limit,
    open_items,
    regimes,
    substances,
)
from gateway.domain.quantities import QUANTITIES

KINDS = {"TWA", "STEL", "CEILING", "IDLH", "MIN", "MAX", "ACTION"}


def shown(quantity: str, *regimes: str) -> list[tuple[str, str, int, float]]:
    return [(row.regime, row.kind, row.averaging_minutes, row.value) for row in limits_for(quantity, regimes)]


def test_every_row_of_every_file_belongs_to_a_regime() -> None:
    used = {limit.table for limit in all_limits()}
    files = {path.stem for path in TABLES.glob("*.csv")} - {"substances"}
    # DS 015-2005-SA repeats rows of Anexo 15: merged, it is named in their sources
    assert used | {"PE_DS015_2005_SA"} == files
    assert any("DS 015-2005-SA" in limit.source for limit in all_limits())


@pytest.mark.parametrize("path", sorted(TABLES.glob("[A-Z]*.csv")), ids=lambda path: path.stem)
def test_a_file_is_well_formed(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert rows
    assert any(line.startswith("# version = ") for line in lines)
    assert any(line.startswith("# edition = ") for line in lines)
    for row in rows:
        assert row["substance"] in substances()
        assert row["kind"] in KINDS
        assert Decimal(row["value"]) > 0
        assert int(row["averaging_minutes"]) >= 0
        assert row["confidence"] in ("V", "M")
        assert row["source"].strip()


def test_every_limit_is_in_the_canonical_unit_of_a_known_quantity() -> None:
    for limit in all_limits():
        assert limit.unit == QUANTITIES[limit.quantity].unit
        assert limit.kind in KINDS
        assert limit.source


def test_the_regimes_of_the_interface() -> None:
    assert regimes() == ("peru", "acgih", "niosh", "osha", "msha", "msha_legacy", "eu")


def test_peru_takes_one_row_where_two_decrees_say_the_same() -> None:
    (limit,) = limits_for("co", ["peru"])
    assert (limit.kind, limit.averaging_minutes, limit.value, limit.unit) == ("TWA", 480, 25.0, "ppm")
    assert limit.table == "PE_DS024_ANEXO15"
    assert limit.source.endswith("; DS 015-2005-SA")
    assert limit.confidence == "M"
    assert not limit.confirmed


def test_peru_has_the_methane_ladder_and_its_own_ceiling() -> None:
    assert shown("ch4", "peru") == [
        ("peru", "CEILING", 0, 0.5), ("peru", "ACTION", 0, 0.25), ("peru", "ACTION", 0, 0.5),
        ("peru", "ACTION", 0, 1.0), ("peru", "ACTION", 0, 2.0),
    ]  # fmt: skip
    assert {limit.table for limit in limits_for("ch4", ["peru"])} == {"PE_DS024_ANEXO15", "MSHA_CH4_CAT_VI"}


def test_oxygen_is_bounded_on_both_sides() -> None:
    assert sorted(shown("o2", "peru")) == [("peru", "MAX", 0, 22.5), ("peru", "MIN", 0, 19.5)]


@pytest.mark.parametrize(
    ("quantity", "regime", "kind", "value", "unit"),
    [
        ("hg", "peru", "TWA", 25.0, "ug/m3"),
        ("hg", "niosh", "IDLH", 10_000.0, "ug/m3"),
        ("dpm_tc", "msha", "TWA", 0.16, "mg/m3"),
        ("dpm_ec", "eu", "TWA", 0.05, "mg/m3"),
        ("dust_respirable", "peru", "TWA", 3.0, "mg/m3"),
        ("dust_inhalable", "osha", "TWA", 15.0, "mg/m3"),
        ("h2s", "osha", "MAX", 50.0, "ppm"),
        ("co", "niosh", "CEILING", 200.0, "ppm"),
    ],
)
def test_units_and_names_of_the_interface(quantity: str, regime: str, kind: str, value: float, unit: str) -> None:
    assert [(row.value, row.unit) for row in limits_for(quantity, [regime]) if row.kind == kind] == [(value, unit)]


def test_silica_keeps_its_phase() -> None:
    assert {(row.phase, row.value) for row in limits_for("silica_respirable", ["acgih"])} == {
        ("quartz", 0.025), ("cristobalite", 0.025),
    }  # fmt: skip
    assert limits_for("silica_respirable", ["msha_legacy"]) == ()


def test_a_niosh_twa_is_for_ten_hours_and_the_others_for_eight() -> None:
    minutes = {(row.regime == "niosh", row.averaging_minutes) for row in all_limits() if row.kind == "TWA"}
    assert minutes == {(True, 600), (False, 480)}


def test_regimes_come_in_the_order_asked_for() -> None:
    assert [row[0] for row in shown("no2", "eu", "peru")] == ["eu", "eu", "peru", "peru"]
    assert limits_for("pm10", regimes()) == ()
    assert limits_for("co", []) == ()


def test_an_unknown_regime_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"'acghi' is no regime; expected one of .* did you mean 'acgih'\?"):
        limits_for("co", ["acghi"])


def test_idlh_is_the_lowest_of_its_phases() -> None:
    carbon_monoxide, silica = idlh("co"), idlh("silica_respirable")
    assert carbon_monoxide is not None
    assert silica is not None
    assert (carbon_monoxide.value, silica.value, silica.phase) == (1200.0, 25.0, "cristobalite")
    assert idlh("ch4") is None


def test_the_old_silica_limit_of_msha_is_a_formula() -> None:
    assert msha_legacy_dust_limit(20.0) == pytest.approx(0.4545, abs=5e-5)
    assert msha_legacy_dust_limit(20.0) * 0.20 == pytest.approx(0.0909, abs=5e-5)
    with pytest.raises(ValueError, match="expected 0 to 100"):
        msha_legacy_dust_limit(float("nan"))


def test_every_row_has_source_edition_version_and_nobodys_signature() -> None:
    for limit in all_limits():
        assert limit.source
        assert limit.edition
        assert limit.version
        assert not limit.signed


def test_only_the_methane_rows_of_msha_are_exceeded_by_being_reached() -> None:
    tables = {"MSHA_CH4_CAT_VI", "MSHA_CH4_MACHINE"}
    assert all((limit.comparison == "reaches") == (limit.table in tables) for limit in all_limits())


def test_a_row_is_in_force_from_its_first_to_its_last_day() -> None:
    """Elemental carbon binds underground mining in the EU from 21 February 2026 (limits reference 1.3, S40)."""
    assert limits_for("dpm_ec", ["eu"], date(2026, 2, 20)) == ()
    (limit,) = limits_for("dpm_ec", ["eu"], date(2026, 2, 21))
    assert limits_for("dpm_ec", ["eu"]) == (limit,)
    old = dataclasses.replace(limit, effective_to=date(2030, 1, 1))
    assert [old.in_force(day) for day in (date(2030, 1, 1), date(2030, 1, 2), None)] == [True, False, False]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TABLES, tmp_path / "tables"))


def test_a_new_regime_is_a_new_file(tables: Path) -> None:
    (tables / "regimes" / "chile.toml").write_text('order = 8\ntables = ["CL_DS594"]\n')
    (tables / "CL_DS594.csv").write_text(
        '# version = "1"\n# edition = "DS 594"\n'
        "substance,kind,averaging_minutes,value,unit,source,confidence\n"
        "Methane,CEILING,0,7500,ppm,an example,M\n"
    )
    found = read_regimes(tables)
    assert tuple(found) == (*regimes(), "chile")
    (limit,) = found["chile"].limits
    assert (limit.regime, limit.table, limit.quantity, limit.value, limit.unit) == (
        "chile", "CL_DS594", "ch4", 0.75, "%vol",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("Gold,TWA,480,1,ppm,x,M", "'Gold' is missing or not known"),
        ("Methane,TWO,480,1,ppm,x,M", "'TWO', expected one of TWA, STEL, CEILING, IDLH, MIN, MAX, ACTION"),
        ("Methane,TWA,8 h,1,ppm,x,M", "'8 h' is no number"),
        ("Methane,TWA,480,-1,ppm,x,M", "'-1', expected 0 or more"),
        ("Methane,TWA,480,1,mg/m3,x,M", "unit 'mg/m3', expected one of %vol, % v/v, ppm"),
        ("Methane,TWA,480,1,ppm,,M", "'source' is missing or not known"),
        ("Methane,TWA,480,1,ppm,x,X", "'X', expected one of V, M"),
    ],
)
def test_a_wrong_row_is_one_sentence_with_file_and_line(tables: Path, row: str, sentence: str) -> None:
    (tables / "regimes" / "chile.toml").write_text('order = 8\ntables = ["CL"]\n')
    (tables / "CL.csv").write_text(
        '# version = "1"\n# edition = "e"\nsubstance,kind,averaging_minutes,value,unit,source,confidence\n' + row + "\n"
    )
    with pytest.raises(ConfigError, match=r"^CL\.csv line 4: ") as caught:
        read_regimes(tables)
    assert str(caught.value) == f"CL.csv line 4: {sentence}"


def test_the_tables_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        all_limits()[0].value = 1.0  # type: ignore[misc]
    assert limits_for("co", ["peru"]) == limits_for("co", ["peru"])


def test_the_open_items_are_there_in_both_languages() -> None:
    assert len(open_items()) == 6
    assert all(item["es"] and item["en"] for item in open_items())
