"""The page in a real browser: log in, see the alarm, acknowledge it, change the language; what it must never say."""

import gzip
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = Path("/usr/bin/chromium")
STATIC = Path(__file__).parents[2] / "api" / "static"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]

LIMITS = [
    {"regime": "peru", "kind": "TWA", "averaging_minutes": 480, "value": 18.0, "low": 12.0, "high": 41.0, "limit": 25.0,
     "fraction": 0.72, "coverage": 0.62, "verdict": "indeterminate", "time_to_limit_s": 1500, "confidence": "V"},
    {"regime": "niosh", "kind": "CEILING", "averaging_minutes": 0, "value": 240.0, "low": 240.0, "high": 240.0,
     "limit": 200.0, "fraction": 1.2, "coverage": 1.0, "verdict": "exceeded", "confidence": "M"},
    {"regime": "acgih", "kind": "TWA", "averaging_minutes": 480, "value": 18.0, "low": 12.0, "high": None,
     "limit": 25.0, "fraction": 0.72, "coverage": 0.62, "verdict": "indeterminate", "time_to_limit_s": 1500},
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed (apt-get install chromium)")
    sync_api.expect.set_options(timeout=15_000)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, web) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, locale="es-PE")
    page = context.new_page()
    page.trouble = []
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    page.on("console", lambda said: page.trouble.append(said.text) if "Content Security" in said.text else None)
    page.on("request", lambda asked: asked.url.startswith(web.url) or page.trouble.append(f"other host: {asked.url}"))
    page.set_default_timeout(15_000)
    page.goto(web.url)
    yield page
    assert page.trouble == []
    context.close()


@pytest.fixture
def scene(fake_gateway, make_alarm) -> Any:
    """A mine with a latched alarm, a running fan without proof, and a re-entry that waits for its signature."""
    say, since = fake_gateway.say, "2026-11-23T15:00:00.000Z"
    fake_gateway.live(broker_durable=False)
    say("zone/frente-1", {"occupancy": "occupied", "people": 4, "protected": True, "access": "open"})
    say("zone/bocamina", {"occupancy": "unknown", "people": None, "protected": False, "access": "open"})
    say("protocol/evacuation", {"protocol": "evacuation", "state": "idle", "zones": [], "since": None})
    say("protocol/reentry", {"protocol": "reentry", "state": "ready", "zones": ["frente-1"], "since": since})
    fans = {"fan-1": {"wanted": 100, "proof": {"proven": False, "velocity": 0.2}}}
    say("protocol/ventilation", {"protocol": "ventilation", "state": "ineffective", "fans": fans, "zones": []})
    say("command/fan-1", {"id": "fan-1-3", "setpoint": 100}, retain=False)
    say("actuator/fan-1/state", {"setpoint": 100, "running": True, "speed_rpm": 2900})
    say("actuator/siren-1/state", {"setpoint": "off"})
    fake_gateway.raise_alarm(make_alarm())
    latched = {"alarm": "no2-frente-1.level", "sensor": "no2-frente-1", "priority": "warning", "value": 2.1, "limit": 3}
    fake_gateway.raise_alarm(make_alarm("latched_acked", **latched, acknowledged_by="ana", since=since))
    fake_gateway.read("co-frente-1", 240.0, limits=LIMITS)
    fake_gateway.read("no2-frente-1", 2.1, "uncertain", reason="uncalibrated")
    least = {"regime": "peru", "kind": "MIN", "value": 20.7, "low": 20.7, "high": 20.7, "limit": 19.5, "coverage": 1.0}
    fake_gateway.read("o2-frente-1", 20.7, unit="%vol", limits=[{**least, "verdict": "compliant"}])
    return fake_gateway


def log_in(page, password, name="ana"):
    page.fill("#username", name)
    page.fill("#password", password)
    page.press("#password", "Enter")


def test_the_officer_logs_in_sees_the_alarm_and_acknowledges_it(page, scene, password):
    sync_api.expect(page.locator("footer")).to_contain_text("no reemplaza al detector portátil certificado")
    log_in(page, "wrong password")
    sync_api.expect(page.locator("#log-in .error")).to_have_text("El usuario o la contraseña no coinciden.")
    log_in(page, password)
    alarm = page.locator('[data-alarm="co-frente-1.level"]')
    sync_api.expect(alarm).to_contain_text("Peligro")
    sync_api.expect(alarm).to_contain_text("240 ppm")
    sync_api.expect(alarm).to_contain_text("sin reconocer")
    sync_api.expect(alarm).to_contain_text("NIOSH REL ceiling")
    sync_api.expect(alarm).to_contain_text("Qué hacer: RETIRE al personal")
    alarm.get_by_role("button", name="Enterado").tap()
    page.fill("#comment", "voy con portátil")
    page.locator("#ask").get_by_role("button", name="Enterado").tap()
    sync_api.expect(alarm).to_contain_text("reconocida por Ana")
    assert scene.requests[-1]["args"] == {"comment": "voy con portátil"}
    sync_api.expect(page.locator("#ask")).to_be_hidden()


def test_the_board_says_what_is_known_and_what_is_not(page, scene, password):
    log_in(page, password)
    sensor = page.locator('[data-sensor="co-frente-1"]')
    for words in ("240", "válido", "Perú", "datos válidos 62 %", "entre 12 y 41", "datos insuficientes", "en 25 min"):
        sync_api.expect(sensor).to_contain_text(words)
    sync_api.expect(page.locator('[data-sensor="no2-frente-1"]')).to_contain_text("dudoso: sin calibrar")
    fan = page.locator('[data-actuator="fan-1"]')
    for words in ("impelente", "Pedido", "100 %", "en marcha", "2900 rpm", "EL AIRE NO SE MUEVE (0.20 m/s)"):
        sync_api.expect(fan).to_contain_text(words)
    protocols = page.locator("#protocols")
    for words in ("gases bajo el límite, falta firma", "TODAVÍA NO INGRESEN", "sin emergencia", "el gas no baja"):
        sync_api.expect(protocols).to_contain_text(words)
    zones = page.locator("#zones")
    for words in ("con personal (4 personas)", "no se sabe quién está", "sin vigilancia", "nadie mide aquí"):
        sync_api.expect(zones).to_contain_text(words)
    sync_api.expect(page.locator('[data-alarm="no2-frente-1.level"]')).to_contain_text("no es permiso de ingreso")
    sync_api.expect(page.locator("#demo")).to_contain_text("DEMO")
    sync_api.expect(page.locator("#pulse")).to_contain_text("broker no durable")
    sync_api.expect(page.locator("#watch")).to_be_hidden()


def test_english_is_at_hand_and_remembered(page, scene, password):
    log_in(page, password)
    sync_api.expect(page.locator('[data-alarm="co-frente-1.level"]')).to_contain_text("Peligro")
    page.get_by_role("button", name="English").tap()
    alarm = page.locator('[data-alarm="co-frente-1.level"]')
    sync_api.expect(alarm).to_contain_text("Danger")
    sync_api.expect(alarm.get_by_role("button", name="Acknowledge")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"
    page.reload()
    sync_api.expect(page.locator('[data-alarm="co-frente-1.level"]')).to_contain_text("not acknowledged")
    sync_api.expect(page.locator("footer")).to_contain_text("No alarm does not mean no danger.")


def test_a_refusal_and_a_silence_are_told_and_change_nothing(page, scene, password, web, monkeypatch):
    log_in(page, password)
    scene.refusal = "el gas sigue sobre el límite"
    page.locator('[data-alarm="no2-frente-1.level"]').get_by_role("button", name="Reponer").tap()
    page.locator("#ask").get_by_role("button", name="Reponer").tap()
    sync_api.expect(page.locator("#ask .error")).to_have_text("El gateway no lo aceptó: el gas sigue sobre el límite")
    ask = web.services.link.ask
    monkeypatch.setattr(type(web.services.link), "ask", lambda _, *a, **k: ask(*a, **k, within_s=0.2))
    scene.mute = True
    page.locator("#ask").get_by_role("button", name="Reponer").tap()
    sync_api.expect(page.locator("#ask .error")).to_contain_text("No se pudo confirmar")
    page.get_by_role("button", name="Cancelar").tap()
    sync_api.expect(page.locator('[data-alarm="no2-frente-1.level"]')).to_contain_text("falta reponer")


def test_a_silent_gateway_greys_every_value(page, scene, password):
    log_in(page, password)
    sensor = page.locator('[data-sensor="co-frente-1"]')
    sync_api.expect(sensor).not_to_contain_text("DATO VIEJO")
    scene.live(state="offline")
    sync_api.expect(page.locator("#watch")).to_contain_text("SIN VIGILANCIA")
    sync_api.expect(page.locator("#watch")).to_contain_text("Mida con el portátil")
    sync_api.expect(sensor).to_contain_text("DATO VIEJO")
    sync_api.expect(page.locator("#zones")).not_to_contain_text("con vigilancia")
    sync_api.expect(page.locator("#zones")).not_to_contain_text("sin alarma")
    sync_api.expect(page.locator("#zones")).not_to_contain_text("dentro del límite")
    sync_api.expect(page.locator("#protocols article .tag.bad")).to_have_text(["DATO VIEJO"] * 3)
    scene.live(state="ready")
    sync_api.expect(page.locator("#watch")).to_be_hidden()


def test_a_page_that_hears_nothing_says_so(page, scene, password):
    log_in(page, password)
    sync_api.expect(page.locator('[data-sensor="co-frente-1"]')).to_contain_text("240")
    page.context.set_offline(True)
    page.evaluate("(async () => (await import('/static/model.js')).stop())()")
    sync_api.expect(page.locator("#watch")).to_contain_text("Esta pantalla no recibe datos")
    sync_api.expect(page.locator('[data-sensor="co-frente-1"]')).to_contain_text("DATO VIEJO")
    page.context.set_offline(False)


def test_a_reviewer_has_no_buttons(page, scene, password):
    log_in(page, password, "rosa")
    alarm = page.locator('[data-alarm="co-frente-1.level"]')
    sync_api.expect(alarm).to_contain_text("Solo lectura")
    assert alarm.get_by_role("button").count() == 0


def test_buttons_are_large_and_nothing_runs_over_the_edge(page, scene, password):
    log_in(page, password)
    sync_api.expect(page.locator('[data-alarm="co-frente-1.level"]')).to_be_visible()
    for button in page.get_by_role("button").all():
        if button.is_visible():
            assert button.bounding_box()["height"] >= 48, button.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_control_and_picture_has_a_name(page, scene, password):
    """The rules of axe that a page without pictures, tables and frames can break."""
    log_in(page, password)
    sync_api.expect(page.locator('[data-alarm="co-frente-1.level"]')).to_be_visible()
    nameless = page.evaluate("""() => [...document.querySelectorAll('button,input,select,textarea,summary')].filter(
        (e) => !(e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)""")
    assert nameless == []
    twice = page.evaluate("""() => { const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
        return ids.filter((id, i) => ids.indexOf(id) !== i); }""")
    assert twice == []
    levels = page.evaluate("""() => [...document.querySelectorAll('h1,h2,h3,h4')].filter((e) => e.offsetParent)
        .map((e) => +e.tagName[1])""")
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels


FORBIDDEN = re.compile(
    r"\b(segur[oa]s?|safe(ly|ty)?|despejad[oa]|cobertura|OK|all clear|todo bien|LMP|ALTO|sin peligro)\b", re.IGNORECASE
)
ALLOWED = ("seguridad de vida", "life-safety equipment", "safety officer", "Sin alarma no quiere decir sin peligro")


def test_no_text_says_that_air_is_harmless():
    text = (STATIC / "texts.js").read_text() + (STATIC / "index.html").read_text()
    for phrase in ALLOWED:
        text = text.replace(phrase, "")
    text = re.sub(r"\b(all_clear|response\.ok)\b", "", text)
    assert FORBIDDEN.findall(text) == []


def test_both_languages_have_the_same_words(page):
    keys = page.evaluate("""async () => { const { catalogues } = await import('/static/texts.js');
        const keys = (o, at) => Object.entries(o).flatMap(([k, v]) =>
            typeof v === 'object' ? keys(v, at + k + '.') : [at + k + typeof v]);
        return [keys(catalogues.es, ''), keys(catalogues.en, '')]; }""")
    assert sorted(keys[0]) == sorted(keys[1])


def test_an_evacuation_is_started_by_hand_after_a_question(page, scene, password):
    log_in(page, password)
    page.get_by_role("button", name="Evacuar").tap()
    sync_api.expect(page.locator("#ask-subject")).to_have_text("toda la mina")
    assert not [request for request in scene.requests if request["action"] == "evacuation"]
    page.locator("#ask").get_by_role("button", name="Evacuar").tap()
    sync_api.expect(page.locator("#ask")).to_be_hidden()
    assert scene.requests[-1]["args"] == {"action": "start", "comment": ""}
    scene.say("protocol/evacuation", {"protocol": "evacuation", "state": "muster", "zones": ["frente-1"], "drill": True,
        "whole_mine": True, "missing": ["ana"], "signatures": []})  # fmt: skip
    for words in ("SIMULACRO", "reunión y conteo", "Faltan: Ana", "Silenciar sirena", "Firmar fin de la emergencia"):
        sync_api.expect(page.locator("#protocols")).to_contain_text(words)


def test_the_page_is_small_enough_for_2g():
    """As it goes over the air: 25 kB are 4 s at 50 kbit/s, and a second visit brings none of it again."""
    assert sum(len(gzip.compress(file.read_bytes())) for file in STATIC.iterdir()) < 25_000
