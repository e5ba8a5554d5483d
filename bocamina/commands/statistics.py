"""`bocamina statistics` judges a set of shift results; the JSON is kept to the letter of the interface."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway.domain.errors import ConfigError, OperationFailed
from gateway.domain.names import expected_one_of

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "es": {
        "title": "Resultados de turno: {n}, de ellos bajo el límite de detección: {censored}. "
        "Límite de exposición {limit} {unit}. Método: {method}.",
        "screening": "TAMIZAJE DEL LUGAR: exposición estimada por zona, no es muestreo personal. "
        "Estas cifras no juzgan lo que respiró una persona.",
        "personal_gravimetric": "muestreo personal gravimétrico", "personal_direct": "lectura directa personal",
        "area_estimate": "exposición estimada por zona", "no_method": "sin declarar", "unknown": "?",
        "gm": "media geométrica (GM)", "gsd": "desviación geométrica (GSD)", "mean": "media aritmética estimada",
        "p95": "percentil 95: 95 de cada 100 turnos quedan por debajo",
        "utl95_70": "UTL95,70: tope del percentil 95 con 70 % de confianza",
        "exceedance_fraction": "turnos que pasan el límite (meta: menos de 5 %)",
        "exceedance_fraction_ucl70": "   lo mismo, a lo más, con 70 % de confianza",
        "r": "R: el mayor resultado ÷ el límite", "u": "UR, y UT que debe alcanzar",
        "aiha": "categoría AIHA (por confirmar)", "lod_method": "bajo el límite de detección", "en689": "EN 689",
        "aiha_0": "menos de 1 % del límite", "aiha_1": "menos de 10 % del límite", "aiha_2": "10 a 50 % del límite",
        "aiha_3": "50 a 100 % del límite", "aiha_4": "más de 100 % del límite",
        "beta": "sustitución β", "mle": "máxima verosimilitud", "lod_sqrt2": "LOD/√2", "lod_2": "LOD/2",
        "compliant": "dentro del límite", "non_compliant": "EXCEDIDO",
        "more_measurements_needed": "datos insuficientes, faltan mediciones",
        "result_above_limit": "un resultado pasa el límite",
        "detection_limit_above_limit": "un límite de detección está sobre el límite de exposición: "
        "ese resultado no demuestra nada",
        "u_r_reaches_u_t": "prueba estadística: UR alcanza UT",
        "u_r_below_u_t": "prueba estadística: no se demuestra que menos de 5 % de los turnos pasa el límite",
        "all_below_fraction": "prueba preliminar: todos bajo 10, 15 o 20 % del límite con 3, 4 o 5 resultados",
        "fewer_than_3_results": "menos de 3 resultados",
        "no_decision": "la prueba preliminar no decide: se necesitan 6 resultados o más",
        "no_spread": "los resultados no muestran variación (uno solo, o todos iguales): no hay percentil ni prueba "
        "estadística",
        "warnings": "Advertencias:",
        "method_not_stated": "nadie declaró el método; se tomaron por muestreos personales de turno completo",
        "area_estimate_warning": "estimaciones por zona: describen el lugar, no lo que respiró una persona",
        "fewer_than_6": "menos de 6 resultados: las cifras son poco seguras, sin tope de confianza ni prueba "
        "estadística",
        "gsd_above_3": "GSD mayor que 3: el grupo quizá mezcla exposiciones que no son similares; revise si debe "
        "separarse",
        "censored_above_20_percent": "más de 20 % bajo el límite de detección: solo sustitución β o máxima "
        "verosimilitud",
        "censored_above_50_percent": "más de 50 % bajo el límite de detección: las cifras son poco seguras",
        "all_censored": "todos están bajo el límite de detección: no hay GM, GSD ni percentil",
        "fewer_than_2_detected": "menos de dos valores distintos sobre el límite de detección: no hay GM, GSD ni "
        "percentil",
        "lod_sqrt2_of_skewed_results": "LOD/√2 con GSD de 3 o más: use LOD/2, β o máxima verosimilitud",
        "not_lognormal": "la prueba de Shapiro rechaza la forma lognormal (p < 0.05): el percentil y lo que se calcula "
        "con él no son confiables",
        "lognormality_not_tested": "no se comprobó la forma lognormal (hacen falta 3 a 5000 resultados, todos sobre el "
        "límite de detección)",
        "formulas": "Fórmulas: docs/statistics.md.",
        "sources": "Fuentes: EN 689:2018 (fracciones por confirmar), t no central, AIHA (categorías por confirmar); "
        "fórmulas en docs/statistics.md.",
        "note": "La falta de datos no demuestra falta de exposición. Las estimaciones por zona y los sensores ópticos "
        "no son muestreo personal y no deben usarse para negar una prestación de salud o invalidez. La calificación "
        "médica corresponde al médico.",
    },
    "en": {
        "title": "Shift results: {n}, of which below detection: {censored}. "
        "Exposure limit {limit} {unit}. Method: {method}.",
        "screening": "SCREENING OF THE PLACE: area-based estimate, no personal sample. "
        "These figures do not judge what a person breathed.",
        "personal_gravimetric": "personal gravimetric sample", "personal_direct": "personal direct reading",
        "area_estimate": "area-based estimate", "no_method": "not stated", "unknown": "?",
        "gm": "geometric mean (GM)", "gsd": "geometric standard deviation (GSD)", "mean": "estimated arithmetic mean",
        "p95": "95th percentile: 95 of 100 shifts lie below",
        "utl95_70": "UTL95,70: upper bound of the 95th percentile at 70 % confidence",
        "exceedance_fraction": "shifts above the limit (target: below 5 %)",
        "exceedance_fraction_ucl70": "   the same, at most, at 70 % confidence",
        "r": "R: the largest result ÷ the limit", "u": "UR, and UT that it must reach",
        "aiha": "AIHA category (unconfirmed)", "lod_method": "below detection", "en689": "EN 689",
        "aiha_0": "below 1 % of the limit", "aiha_1": "below 10 % of the limit", "aiha_2": "10 to 50 % of the limit",
        "aiha_3": "50 to 100 % of the limit", "aiha_4": "above 100 % of the limit",
        "beta": "β-substitution", "mle": "maximum likelihood", "lod_sqrt2": "LOD/√2", "lod_2": "LOD/2",
        "compliant": "within the limit", "non_compliant": "EXCEEDED",
        "more_measurements_needed": "not enough data, more measurements needed",
        "result_above_limit": "a result is above the limit",
        "detection_limit_above_limit": "a limit of detection is above the exposure limit: that result proves nothing",
        "u_r_reaches_u_t": "statistical test: UR reaches UT",
        "u_r_below_u_t": "statistical test: it is not shown that fewer than 5 % of the shifts pass the limit",
        "all_below_fraction": "preliminary test: all below 10, 15 or 20 % of the limit with 3, 4 or 5 results",
        "fewer_than_3_results": "fewer than 3 results",
        "no_decision": "the preliminary test does not decide: 6 results or more are needed",
        "no_spread": "the results show no spread (only one, or all alike): no percentile and no statistical test",
        "warnings": "Warnings:",
        "method_not_stated": "nobody stated the method; they were taken for personal samples of whole shifts",
        "area_estimate_warning": "area-based estimates: they describe the place, not what a person breathed",
        "fewer_than_6": "fewer than 6 results: the figures are uncertain, without upper bound and statistical test",
        "gsd_above_3": "GSD above 3: the group may mix exposures that are not similar; see whether it must be split",
        "censored_above_20_percent": "more than 20 % below detection: β-substitution or maximum likelihood only",
        "censored_above_50_percent": "more than 50 % below detection: the figures are uncertain",
        "all_censored": "all results are below detection: there is no GM, GSD or percentile",
        "fewer_than_2_detected": "fewer than two different values above detection: there is no GM, GSD or percentile",
        "lod_sqrt2_of_skewed_results": "LOD/√2 with a GSD of 3 or more: use LOD/2, β or maximum likelihood",
        "not_lognormal": "Shapiro's test rejects the lognormal shape (p < 0.05): the percentile and what is computed "
        "with it are not to be relied on",
        "lognormality_not_tested": "the lognormal shape was not tested (it takes 3 to 5000 results, all above "
        "detection)",
        "formulas": "Formulas: docs/statistics.md.",
        "sources": "Sources: EN 689:2018 (fractions unconfirmed), non-central t, AIHA (categories unconfirmed); "
        "formulas in docs/statistics.md.",
        "note": "Missing data does not prove missing exposure. Area-based estimates and optical sensors are no "
        "personal sampling and must not be used to deny a health or disability benefit. The medical judgement belongs "
        "to the physician.",
    },
}  # fmt: skip

_FIGURES: Final = ("gm", "gsd", "mean", "p95", "utl95_70", "exceedance_fraction", "exceedance_fraction_ucl70")
_FRACTIONS: Final = ("exceedance_fraction", "exceedance_fraction_ucl70")


def statistics(
    file: Annotated[str, typer.Argument(help="CSV with value and optionally censored, method, unit, substance, seg.")],
    limit: Annotated[float | None, typer.Option(help="Exposure limit, in the unit of the values.")] = None,
    method: Annotated[
        str | None, typer.Option(help="personal_gravimetric, personal_direct or area_estimate: the rows to judge.")
    ] = None,
    censored_method: Annotated[
        str | None, typer.Option(help="beta, mle, lod_sqrt2 or lod_2: what stands for results below detection.")
    ] = None,
    expostats: Annotated[bool, typer.Option("--expostats", help="Print the results as Expostats reads them.")] = False,
    language: Annotated[str, typer.Option(help="es or en.")] = "es",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compliance statistics of a set of shift results: one exposure group, one limit, one method."""
    from gateway.exposure.shift_results import expostats_lines, of_one_method

    if language not in _WORDS:
        raise ConfigError(f"--language: {language!r}; {expected_one_of(language, _WORDS)}")
    if expostats and as_json:
        raise ConfigError("--expostats and --json: expected one of the two")
    if limit is None and not expostats:
        raise ConfigError("--limit is missing, expected the exposure limit in the unit of the values")
    found = _read(file)
    which = of_one_method(found, method, Path(file).name)
    results = found[which] if which in found else found[None]
    if expostats or limit is None:
        for line in expostats_lines(results):
            print(line)
        return
    try:
        from gateway.exposure import censored
        from gateway.exposure.statistics import judge
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "scipy":
            raise
        raise OperationFailed("scipy is not installed; expected `pip install 'bocamina[statistics]'`") from error
    if censored_method is not None and censored_method not in list(censored.LodMethod):
        raise ConfigError(f"--censored-method: {censored_method!r}; "
                          f"{expected_one_of(censored_method, censored.LodMethod)}")  # fmt: skip
    document = judge(results, limit, which, censored.LodMethod(censored_method) if censored_method else None)
    if as_json:
        print(json.dumps(document, ensure_ascii=False, allow_nan=False))
    else:
        _print(document, _WORDS[language])


def _read(file: str) -> Any:
    from rich.console import Console
    from rich.progress import open as open_with_progress

    from gateway.exposure.shift_results import read_shift_results

    path = Path(file)
    if not path.is_file():
        raise ConfigError(f"{file}: {'not a file' if path.exists() else 'no such file'}")
    quiet = not sys.stderr.isatty()
    with open_with_progress(
        path, "r", encoding="utf-8", newline="", description=path.name, disable=quiet, transient=True,
        console=Console(stderr=True),
    ) as lines:
        return read_shift_results(lines, path.name)


def _print(document: Mapping[str, Any], words: Mapping[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:  # a pipe has no width to keep: one figure stays one line
        console = Console(markup=False, highlight=False, emoji=False, width=1000)
    unit = document["unit"] or ""
    about = {"n": document["n"], "censored": document["censored"], "limit": f"{document['limit']:g}", "unit": unit}
    title = words["title"].format(method=words[document["method"] or "no_method"], **about)
    console.print(title.replace(" .", "."))
    if document["screening"]:
        console.print(words["screening"])
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for key in _FIGURES:
        if not (document["screening"] and key in ("utl95_70", "exceedance_fraction_ucl70")):
            table.add_row(words[key], _figure(key, document[key], unit, words))
    if document["lod_method"]:
        table.add_row(words["lod_method"], words[document["lod_method"]])
    if not document["screening"]:
        en689, category = document["en689"], document["aiha_category"]
        table.add_row(words["r"], _number(en689["r"], words))
        table.add_row(words["u"], f"{_number(en689['u_r'], words)}, {_number(en689['u_t'], words)}")
        shown = words["unknown"] if category is None else f"{category}: {words[f'aiha_{category}']}"
        table.add_row(words["aiha"], shown)
        table.add_row(words["en689"], f"{words[en689['result']]} ({words[en689['reason']]})")
    console.print(table)
    if document["warnings"]:
        console.print(words["warnings"])
        for code in document["warnings"]:
            console.print(f"  - {words['area_estimate_warning' if code == 'area_estimate' else code]}")
    console.print(words["formulas" if document["screening"] else "sources"])
    console.print(words["note"])


def _figure(key: str, value: float | None, unit: str, words: Mapping[str, str]) -> str:
    if value is None:
        return words["unknown"]
    if key in _FRACTIONS:
        return f"{100.0 * value:.2g} %"
    return f"{value:.4g} {unit if key != 'gsd' else ''}".rstrip()


def _number(value: float | None, words: Mapping[str, str]) -> str:
    return words["unknown"] if value is None else f"{value:.4g}"
