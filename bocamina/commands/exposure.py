"""`bocamina exposure` judges a record against the limits; the JSON is kept to the letter of the interface."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.domain.errors import ConfigError
from gateway.domain.limits import regimes
from gateway.domain.names import expected_one_of
from gateway.exposure.mixtures import GROUPS

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "es": {
        "regime": "régimen", "kind": "límite", "method": "método", "bound": "valor límite",
        "value": "mejor estimación",
        "bounds": "entre", "coverage": "datos válidos", "verdict": "resultado",
        "source": "fuente", "exceeded": "EXCEDIDO", "compliant": "dentro del límite",
        "indeterminate": "datos insuficientes", "unconfirmed": "valor por confirmar", "unknown": "?",
        "e8": "E8 (÷ 8 h)", "brief_scala": "Brief y Scala", "niosh_10h": "NIOSH 10 h", "rolling": "peor ventana",
        "instant": "instantáneo", "excursion": "pico", "head": "{samples} muestras, {covered} con datos válidos, "
        "{gap} sin datos", "figures": "media {mean}, E8 {e8}, media del turno {mean_shift}, peor 15 min {stel_max}, "
        "pico {peak} {unit}", "mixture": "Mezclas (Em = Σ C/L; excede por encima de 1)", "none": "sin límites",
        "chemical_asphyxiants": "asfixiantes químicos", "respiratory_irritants": "irritantes respiratorios",
        "pneumoconiosis_dusts": "polvos de neumoconiosis",
        "frequency": "por encima de {above} {unit} (media de 1 min): {episodes} veces, la más larga {longest} min, la "
        "pausa más corta {closest} min", "too_long": "DEMASIADO LARGA", "too_often": "DEMASIADAS VECES",
        "too_close": "DEMASIADO SEGUIDAS",
        "acceptable_peak": "por encima del techo de {above} {unit}: {peaks} veces, {over} min en total", "too_high":
        "DEMASIADO ALTA", "other_exposure": "CON OTRA EXPOSICIÓN EN EL TURNO",
        "dose": "dosis {dose} % del límite; nivel de acción {action} {unit}: {verdict}",
        "stop_work": "PARALIZAR EL TRABAJO: polvo respirable por encima del límite (DS 024-2016-EM Art. 111)",
        "note": "Un resultado sin «EXCEDIDO» no autoriza el ingreso a ninguna labor.",
    },
    "en": {
        "regime": "regime", "kind": "limit", "method": "method", "bound": "limit value",
        "value": "best estimate",
        "bounds": "between", "coverage": "valid data", "verdict": "result", "source": "source",
        "exceeded": "EXCEEDED", "compliant": "within the limit", "indeterminate": "not enough data",
        "unconfirmed": "unconfirmed value", "unknown": "?", "e8": "E8 (÷ 8 h)", "brief_scala": "Brief & Scala",
        "niosh_10h": "NIOSH 10 h", "rolling": "worst window", "instant": "instant", "excursion": "peak",
        "head": "{samples} samples, {covered} with valid data, {gap} without",
        "figures": "mean {mean}, E8 {e8}, shift mean {mean_shift}, worst 15 min {stel_max}, peak {peak} {unit}",
        "mixture": "Mixtures (Em = Σ C/L; exceeded above 1)", "none": "no limits",
        "frequency": "above {above} {unit} (1-min mean): {episodes} times, the longest {longest} min, the shortest "
        "pause {closest} min", "too_long": "TOO LONG", "too_often": "TOO OFTEN", "too_close": "TOO CLOSE TOGETHER",
        "acceptable_peak": "above the ceiling of {above} {unit}: {peaks} times, {over} min together", "too_high":
        "TOO HIGH", "other_exposure": "WITH OTHER EXPOSURE IN THE SHIFT",
        "dose": "dose {dose} % of the limit; action level {action} {unit}: {verdict}",
        "stop_work": "STOP WORK: respirable dust above the limit (DS 024-2016-EM Art. 111)",
        "note": "A result that is not EXCEEDED is no permission to enter any working.",
    },
}  # fmt: skip

_MEMBERS: Final = {**GROUPS, "pneumoconiosis_dusts": ("silica_respirable",)}
_LARGE: Final = 256_000_000
"""[bytes] Files above keep their numbers on disk while they are judged: half of the memory of the smallest gateway."""


def exposure(
    file: Annotated[str, typer.Argument(help="CSV with time, substance, value, unit and optionally duration_s.")],
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    regime: Annotated[list[str] | None, typer.Option(help="Regimes to judge by; all without this.")] = None,
    shift_hours: Annotated[float | None, typer.Option(help="Hours worked; the record's span without this.")] = None,
    week_hours: Annotated[float | None, typer.Option(help="Hours a week, for Brief & Scala's weekly factor.")] = None,
    max_hold: Annotated[float, typer.Option(help="Longest time [s] that one row stands for.")] = 60.0,
    full_scale: Annotated[list[str] | None, typer.Option(help="S=V: full scale in the canonical unit.")] = None,
    gap_level: Annotated[
        list[str] | None, typer.Option(help="S=V: 95th percentile of the last 7 shifts there, in the canonical unit.")
    ] = None,
    group: Annotated[list[str] | None, typer.Option(help="S1,S2,…: a mixture to judge together.")] = None,
    quartz: Annotated[float | None, typer.Option(help="Laboratory: quartz in the respirable dust [%].")] = None,
    cristobalite: Annotated[float | None, typer.Option(help="Laboratory: cristobalite in that dust [%].")] = None,
    temperature: Annotated[float, typer.Option(help="Of the measured air [degC].")] = 25.0,
    pressure: Annotated[float | None, typer.Option(help="Of the measured air [hPa]; 1013.25 without this.")] = None,
    altitude: Annotated[float | None, typer.Option(help="[m], in place of a pressure (West's model).")] = None,
    language: Annotated[str, typer.Option(help="es or en.")] = "es",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Exposure of a record against limits."""
    from gateway.exposure.batch import Question, evaluate
    from gateway.exposure.conversion import molar_volume_l, standard_or_given_pressure_hpa
    from gateway.exposure.readiness import warm_up_batch

    if language not in _WORDS:
        raise ConfigError(f"--language: {language!r}; {expected_one_of(language, _WORDS)}")
    if not 0.0 < max_hold <= 86_400.0:
        raise ConfigError(f"--max-hold {max_hold:g}: expected more than 0 and at most 86400 s")
    air = molar_volume_l(temperature, standard_or_given_pressure_hpa(pressure, altitude))
    scales = dict(_of_substance(text, "--full-scale", "co=1000") for text in full_scale or ())
    gaps = dict(_of_substance(text, "--gap-level", "co=12") for text in gap_level or ())
    shares = {"quartz": quartz, "cristobalite": cristobalite}
    question = Question(
        regimes=_regimes([*(regime or ()), *(more or ())]), shift_hours=shift_hours, week_hours=week_hours,
        full_scales=scales, gap_levels=gaps, groups=tuple(_group(text) for text in group or ()),
        phases={phase: share for phase, share in shares.items() if share is not None},
    )  # fmt: skip
    warm_up_batch()  # a record that may be shown to an inspector is not judged by kernels that were not checked
    document = evaluate(_read(file, max_hold, air, scales), question)
    if as_json:
        print(json.dumps(document, ensure_ascii=False, allow_nan=False))
    else:
        _print(document, _WORDS[language])


def _read(file: str, max_hold: float, air: float, scales: Mapping[str, float]) -> Any:
    from rich.console import Console
    from rich.progress import open as open_with_progress

    from bocamina.spill import FileColumn
    from gateway.exposure.record import Reading
    from gateway.exposure.record_blocks import read_stream
    from gateway.exposure.series import MemoryColumn

    path = Path(file)
    if not path.is_file():
        raise ConfigError(f"{file}: {'not a file' if path.exists() else 'no such file'}")
    new_column = FileColumn if path.stat().st_size > _LARGE else MemoryColumn
    reading = Reading(path.name, max_hold, air, scales, new_column)
    screen, quiet = Console(stderr=True), not sys.stderr.isatty()
    try:
        with open_with_progress(
            path, "rb", description=path.name, console=screen, disable=quiet, transient=True
        ) as stream:
            return read_stream(stream, reading)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}, expected a readable file") from error


def _regimes(wanted: Sequence[str]) -> tuple[str, ...]:
    names = [name for text in wanted for name in text.split(",") if name]
    for name in names:
        if name not in regimes():
            raise ConfigError(f"--regime: {name!r} is no regime; {expected_one_of(name, regimes())}")
    return tuple(dict.fromkeys(names)) or regimes()


def _of_substance(text: str, option: str, example: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if not (name and 0.0 < value < 1e9):
        raise ConfigError(f"{option} {text!r}: expected SUBSTANCE=NUMBER, for example {example}")
    return name.lower(), value


def _group(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    if len(names) < 2:
        raise ConfigError(f"--group {text!r}: expected at least two substances, for example no2,so2")
    return names


def _print(document: Mapping[str, Any], words: Mapping[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:  # a pipe has no width to keep: one limit stays one line
        console = Console(markup=False, highlight=False, emoji=False, width=1000)
    for name, one in document["substances"].items():
        hours = {"covered": f"{one['covered_s'] / 3600:.2f} h", "gap": f"{one['gap_s'] / 3600:.2f} h"}
        console.print(f"{name} [{one['unit']}]: " + words["head"].format(samples=one["samples"], **hours))
        figures = {key: _number(value, words) for key, value in one.items() if key not in ("limits", "unit")}
        console.print("  " + words["figures"].format(unit=one["unit"], **figures))
        if not one["limits"]:
            console.print(f"  {words['none']}\n")
            continue
        table = Table(box=None, pad_edge=False)
        for column in ("regime", "kind", "method", "bound", "value", "bounds", "coverage", "verdict", "source"):
            right = column in ("bound", "value", "coverage")
            table.add_column(words[column], justify="right" if right else "left", overflow="fold")
        for row in one["limits"]:
            source = row["source"] if row["confidence"] == "V" else f"{row['source']} [{words['unconfirmed']}]"
            table.add_row(
                row["regime"], f"{row['kind']} ({row['phase']})" if "phase" in row else row["kind"],
                words[row["method"]] + (f" {row['averaging_minutes']} min" if row["method"] == "rolling" else ""),
                _number(row["limit"], words), _number(row["value"], words),
                f"{_number(row['low'], words)} – {_number(row['high'], words)}", f"{100 * row['coverage']:.0f} %",
                words[row["verdict"]], source,
            )  # fmt: skip
        console.print(table)
        for row in one["limits"]:
            for line in _remarks(row, one["unit"], words):
                console.print(f"  {row['regime']} {row['kind']}: {line}")
        console.print()
    if document["mixture"]:
        console.print(words["mixture"])
        for row in document["mixture"]:
            open_or_kept = words["indeterminate"] if _lacks_data(row, document["substances"]) else "≤ 1"
            verdict = words["exceeded"] if row["exceeded"] else open_or_kept
            group = words.get(row["group"], row["group"].replace("_", " "))
            console.print(f"  {row['regime']} {group} {row['kind']}: {row['index']:.4g}  {verdict}")
    console.print(words["note"])


def _lacks_data(mixture: Mapping[str, Any], substances: Mapping[str, Any]) -> bool:
    """Whether a member's own figure is open: an index that takes its gaps as clean air keeps no limit."""
    members = _MEMBERS.get(mixture["group"]) or mixture["group"].split("+")
    rows = (row for name in members if name in substances for row in substances[name]["limits"])
    same = (row for row in rows if (row["regime"], row["kind"]) == (mixture["regime"], mixture["kind"]))
    return any(row["verdict"] == "indeterminate" for row in same)


def _remarks(row: Mapping[str, Any], unit: str, words: Mapping[str, str]) -> Iterator[str]:
    """What a row says beside its figures: short exposures, dose and action level, the order to stop work."""
    if "recommendation" in row:
        yield words[row["recommendation"]]
    if (found := row.get("frequency")) and found["episodes"]:
        text = words["frequency"].format(
            above=_number(found["above"], words), unit=unit, episodes=found["episodes"],
            longest=_number(found["longest_min"], words), closest=_number(found["closest_min"], words),
        )  # fmt: skip
        broken = "".join(f"; {words[violation]}" for violation in found["violations"])
        yield f"{text}{broken} ({found['source']})"
    if (peak := row.get("acceptable_peak")) and peak["peaks"] and row["kind"] == "MAX":
        text = words["acceptable_peak"].format(
            above=_number(peak["above"], words), unit=unit, peaks=peak["peaks"], over=_number(peak["over_min"], words)
        )
        yield text + "".join(f"; {words[violation]}" for violation in peak["violations"]) + f" ({peak['source']})"
    if "dose_percent" in row and row["method"] == "e8":
        yield words["dose"].format(
            dose=_number(row["dose_percent"], words), action=_number(row["action_level"], words), unit=unit,
            verdict=words[row["action_verdict"]],
        )  # fmt: skip


def _number(value: float | None, words: Mapping[str, str]) -> str:
    return words["unknown"] if value is None else f"{value:.4g}" if abs(value) < 1e5 else f"{value:.0f}"
