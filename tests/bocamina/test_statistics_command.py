"""The command line `bocamina statistics`, as a person types it."""

import json
import subprocess
import sys

import pytest

from bocamina.cli import run

RESULTS = "value\n0.012\n0.020\n0.016\n0.031\n0.009\n0.024\n"
KEYS = {
    "n", "gm", "gsd", "mean", "p95", "utl95_70", "exceedance_fraction", "exceedance_fraction_ucl70", "aiha_category",
    "en689",
}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "turnos.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def spoken(capsys, *arguments, status=0):
    assert run(["statistics", *arguments]) == status
    return capsys.readouterr()


def by(method):
    return "".join(f"{line},{method if i else 'method'}\n" for i, line in enumerate(RESULTS.split()))


def test_json_has_the_keys_of_the_interface_to_the_letter(written, capsys):
    document = json.loads(spoken(capsys, written(RESULTS), "--limit", "0.05", "--json").out)
    assert set(document) >= KEYS
    assert set(document["en689"]) >= {"result", "r", "u_r", "u_t"}
    assert document["en689"]["result"] == "compliant"
    assert document["en689"]["r"] == pytest.approx(0.62)


def test_the_table_in_spanish_is_what_a_safety_officer_reads(written, capsys):
    shown = spoken(capsys, written(by("personal_gravimetric")), "--limit", "0.05").out
    assert "muestreo personal gravimétrico" in shown
    assert "0.04646" in shown
    assert "dentro del límite (prueba estadística: UR alcanza UT)" in shown
    assert "3: 50 a 100 % del límite" in shown
    assert "Advertencias" not in shown
    assert "La falta de datos no demuestra falta de exposición." in shown


def test_the_table_in_english(written, capsys):
    shown = spoken(capsys, written("value\n0.06\n0.001\n"), "--limit", "0.05", "--language", "en").out
    assert "EXCEEDED (a result is above the limit)" in shown
    assert "fewer than 6 results" in shown
    assert "nobody stated the method" in shown


@pytest.mark.parametrize("language", ["es", "en"])
def test_every_warning_and_reason_has_words(written, capsys, language):
    for text in (
        "value\n1\n", "value\n<1\n<1\n<1\n", "value\n0.001\n0.001\n0.001\n", "value\n<0.06\n0.01\n0.02\n",
        "value\n0.0001\n0.02\n0.001\n0.04\n0.0005\n0.01\n", "value\n<0.01\n<0.01\n<0.01\n0.02\n0.03\n",
        "value\n" + "0.001\n0.0011\n0.0012\n" * 8 + "0.04\n0.041\n0.042\n" * 8, RESULTS,
    ):  # fmt: skip
        assert spoken(capsys, written(text), "--limit", "0.05", "--language", language).out


def test_area_estimates_are_titled_screening_and_carry_no_verdict(written, capsys):
    shown = spoken(capsys, written(by("area_estimate")), "--limit", "0.05").out
    assert "TAMIZAJE DEL LUGAR" in shown
    for word in ("cumple", "dentro del límite", "EXCEDIDO", "EN 689", "AIHA", "UTL"):
        assert word not in shown
    document = json.loads(spoken(capsys, written(by("area_estimate")), "--limit", "0.05", "--json").out)
    assert document["en689"]["result"] is None
    assert document["aiha_category"] is None


def test_mixed_methods_are_never_pooled(written, capsys):
    mixed = written(by("personal_direct") + "0.9,area_estimate\n")
    refused = spoken(capsys, mixed, "--limit", "0.05", status=2)
    assert refused.err.count("\n") == 1
    assert "never pooled" in refused.err
    document = json.loads(spoken(capsys, mixed, "--limit", "0.05", "--method", "personal_direct", "--json").out)
    assert (document["n"], document["en689"]["result"]) == (6, "compliant")


def test_expostats_text_needs_no_limit(written, capsys):
    assert spoken(capsys, written("value,censored\n13.8,<\n25.5,\n"), "--expostats").out == "<13.8\n25.5\n"


@pytest.mark.parametrize("method", ["beta", "mle"])
def test_the_censored_method_is_named(written, capsys, method):
    text = RESULTS + "<0.008\n"
    document = json.loads(
        spoken(capsys, written(text), "--limit", "0.05", "--censored-method", method, "--json").out
    )
    assert (document["lod_method"], document["censored"], document["n"]) == (method, 1, 7)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--limit", "0"], "--limit 0: expected a finite number above 0"),
        (["--limit", "nan"], "--limit nan: expected a finite number above 0"),
        (["--limit", "much"], "Invalid value for '--limit'"),
        ([], "--limit is missing"),
        (["--limit", "1", "--language", "qu"], "--language: 'qu'; expected one of es, en"),
        (["--limit", "1", "--method", "area"], "--method: 'area'; expected one of"),
        (["--limit", "1", "--censored-method", "zero"], "--censored-method: 'zero'; expected one of beta, mle"),
        (["--expostats", "--json"], "--expostats and --json: expected one of the two"),
    ],
)
def test_wrong_use_is_one_sentence(written, capsys, arguments, sentence):
    refused = spoken(capsys, written(RESULTS), *arguments, status=2)
    assert refused.err.startswith(sentence)
    assert refused.err.count("\n") == 1
    assert refused.out == ""


def test_wrong_files_are_one_sentence(written, capsys, tmp_path):
    assert spoken(capsys, str(tmp_path / "no.csv"), "--limit", "1", status=2).err.endswith("no such file\n")
    assert spoken(capsys, str(tmp_path), "--limit", "1", status=2).err.endswith("not a file\n")
    assert spoken(capsys, written(""), "--limit", "1", status=2).err.startswith("turnos.csv: empty, expected a header")
    path = tmp_path / "latin.csv"
    path.write_bytes(b"value,seg\n1,\xf1\n")
    assert spoken(capsys, str(path), "--limit", "1", status=2).err == "latin.csv: not UTF-8 text (byte 0xf1)\n"


def in_a_new_process(code, *arguments):
    program = [sys.executable, "-c", code, *arguments]
    return subprocess.run(program, check=False, capture_output=True, text=True, timeout=60)


def test_without_scipy_one_sentence_says_what_to_install(written):
    code = "import sys; sys.modules['scipy'] = None; from bocamina.cli import run; sys.exit(run(sys.argv[1:]))"
    found = in_a_new_process(code, "statistics", written(RESULTS), "--limit", "0.05")
    assert found.stderr == "scipy is not installed; expected `pip install 'bocamina[statistics]'`\n"
    assert (found.returncode, found.stdout) == (1, "")
    assert in_a_new_process(code, "statistics", written(RESULTS), "--expostats").returncode == 0


def test_the_gateway_never_imports_scipy():
    code = (
        "import sys, bocamina.service, bocamina.engine, bocamina.commands.run, bocamina.commands.statistics\n"
        "from gateway.exposure.readiness import warm_up\n"
        "warm_up()\n"
        "ours = {f'gateway.exposure.{name}' for name in ('statistics', 'tolerance', 'censored')}\n"
        "ours |= {'scipy.stats', 'scipy.optimize', 'scipy.special'}\n"
        "sys.exit(' '.join(ours & set(sys.modules)) or 0)"
    )  # numba itself looks for scipy.linalg when it is installed; that is no import of ours
    found = in_a_new_process(code)
    assert (found.returncode, found.stderr.strip()) == (0, "")
