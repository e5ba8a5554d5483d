// The page: log-in, language, what to show when, and the questions before an order.

import { actuatorCard, alarmCard, alarmPlace, alarmTitle, byUrgency, empty, fill, protocolCard, zoneCard } from "/static/cards.js";
import { Problem, call, follow, logIn, logOut, model, took, watch, watched, whoAmI } from "/static/model.js";
import { duration, language, setTimeZone, speak, t, word } from "/static/texts.js";

const $ = (id) => document.getElementById(id);
const announced = new Set();
let drawing = false;
let asked = null;

// -- language --------------------------------------------------------------------------------------------------------

function remember(value) {
  try { localStorage.setItem("language", value); } catch { /* a page without storage still works */ }
}

function remembered() {
  try { return localStorage.getItem("language"); } catch { return null; }
}

function setLanguage(value) {
  speak(value);
  const other = language === "es" ? "en" : "es";
  $("language").textContent = other === "en" ? "English" : "Español";
  $("language").lang = other;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t[element.dataset.text];
  draw();
}

// -- drawing ---------------------------------------------------------------------------------------------------------

function draw() {
  drawing = false;
  const inside = model.me != null;
  $("log-in").hidden = inside;
  $("board").hidden = !inside || !model.site;
  $("log-out").hidden = !inside;
  $("who").textContent = inside ? `${model.me.name} · ${word("roles", model.me.role)}` : "";
  $("site").textContent = inside && model.site ? ` · ${model.site.name}` : "";
  $("demo").hidden = !(inside && model.site?.demo);
  $("demo").textContent = t.demo;
  if (!inside) { $("watch").hidden = $("pulse").hidden = true; document.title = "Bocamina"; return; }
  drawWatch();
  if (!model.site) return;
  const alarms = byUrgency();
  const first = alarms.reduce((oldest, alarm) => (!oldest || String(alarm.since) < String(oldest.since) ? alarm : oldest), null);
  // Notices wait behind a fold: a page of cells warming up must not hide a danger below them.
  const card = (alarm) => alarmCard(alarm, alarms.length > 1 && alarm === first, ask);
  const notices = alarms.filter((alarm) => alarm.priority === "notice");
  const urgent = alarms.filter((alarm) => alarm.priority !== "notice");
  const none = empty("alarms", !watched(watch().state) ? t.unknownAlarms : notices.length ? t.onlyNotices : t.noAlarms);
  fill($("alarms"), urgent.length ? urgent.map(card) : [none]);
  $("notices").hidden = !notices.length;
  write($("notices").querySelector("summary"), t.notices(notices.length));
  fill($("notices").querySelector("div"), notices.map(card));
  const protocols = [...model.protocols.values()].sort((a, b) => a.protocol.localeCompare(b.protocol));
  const sirens = [...model.actuators.values()].filter((actuator) => actuator.kind !== "fan");
  const shown = protocols.length ? protocols.map((protocol) => protocolCard(protocol, ask)) : [empty("protocols", t.noProtocols)];
  fill($("protocols"), [...shown, ...sirens.map((actuator) => actuatorCard(actuator, "all"))]);
  fill($("zones"), model.zones.length ? model.zones.map((zone) => zoneCard(zone, alarms)) : [empty("zones", t.noZones)]);
  document.title = alarms.length ? `(${alarms.length}) ${word("priority", alarms[0].priority)} · ${model.site.name}` : model.site.name;
  announce(alarms);
}

function drawWatch() {
  const { state, age } = watch();
  const gateway = model.health?.gateway ?? {};
  const text = {
    page: age == null ? t.connecting : t.pageSilent, slow: t.pageSlow, gateway: t.gatewaySilent,
    degraded: t.degraded, starting: t.starting, ok: "",
  }[state];
  const lost = !watched(state);
  const remarks = [gateway.broker_durable === false && t.brokerNotDurable, gateway.clock_trusted === false && t.clockUntrusted].filter(Boolean);
  const banner = $("watch");
  banner.hidden = text === "";
  banner.className = `watch ${lost ? "bad" : "remark"}`;
  write(banner.querySelector("strong"), lost ? t.notWatched : "");
  write(banner.querySelector("span"), lost ? `${text} ${t.measureFirst}` : text);
  $("pulse").hidden = false;
  write($("pulse"), [age == null ? t.neverHeard : t.lastHeard(duration(age)), ...remarks].join(" · "));
  document.body.classList.toggle("lost", lost);
}

// An alert region is written to only when its words change, else a screen reader would say it every second.
function write(element, text) { if (element.textContent !== text) element.textContent = text; }

function announce(alarms) {
  const fresh = alarms.filter((alarm) => /unack$/.test(alarm.state) && !announced.has(`${alarm.alarm}#${alarm.occurrence}#${alarm.priority}`));
  fresh.forEach((alarm) => announced.add(`${alarm.alarm}#${alarm.occurrence}#${alarm.priority}`));
  if (fresh.length) $("said").textContent = fresh.map((alarm) => t.newAlarm(`${word("priority", alarm.priority)}, ${alarmTitle(alarm)}, ${alarmPlace(alarm)}`)).join(". ");
}

function drawSoon(kind) {
  if (kind === "log-in") { draw(); return; }
  if (kind === "site") {
    setTimeZone(model.site.timezone);
    if (!remembered()) { setLanguage(model.site.language); return; }
  }
  if (drawing) return;
  drawing = true;
  setTimeout(draw, 100);
}

// -- orders ----------------------------------------------------------------------------------------------------------

// `question`: the action, the path that carries it out, and what it is about.
function ask(question) {
  asked = question;
  const { action } = question;
  const shelving = action === "shelve";
  const dialog = $("ask");
  const submit = dialog.querySelector("[type=submit]");
  $("ask-title").textContent = submit.textContent = t.actions[action];
  $("ask-subject").textContent = question.subject.filter(Boolean).join(" · ");
  $("ask-minutes").hidden = !shelving;
  $("comment-label").textContent = shelving ? t.commentNeeded : t.commentOptional;
  $("comment").required = shelving;
  $("comment").value = "";
  dialog.querySelector(".error").textContent = "";
  dialog.showModal();
  (shelving ? $("minutes") : submit).focus();
}

async function order(event) {
  event.preventDefault();
  const dialog = $("ask");
  const button = dialog.querySelector("[type=submit]");
  const { action, path } = asked;
  const body = { comment: $("comment").value };
  if (action === "shelve") body.minutes = Number($("minutes").value);
  button.disabled = true;
  dialog.querySelector(".error").textContent = t.sending;
  try {
    took(await call(path, { method: "POST", body }));
    dialog.close();
    $("said").textContent = `${t.done}: ${t.actions[action]}`;
    draw();
  } catch (problem) {
    dialog.querySelector(".error").textContent = explain(problem);
    if (problem.kind === "not-logged-in") { dialog.close(); model.me = null; draw(); }
  } finally {
    button.disabled = false;
  }
}

function explain(problem) {
  if (!(problem instanceof Problem)) return String(problem);
  const text = t.problems[problem.kind];
  return typeof text === "function" ? text(problem.document) : text ?? problem.message;
}

// -- log-in ----------------------------------------------------------------------------------------------------------

async function enter(event) {
  event.preventDefault();
  const form = event.target;
  const error = form.querySelector(".error");
  error.textContent = "";
  try {
    await logIn(form);
    form.reset();
    draw();
    follow(drawSoon);
    $("main").focus();
  } catch (problem) {
    error.textContent = explain(problem);
    form.password.value = "";
    form.password.focus();
  }
}

$("language").addEventListener("click", () => { const other = language === "es" ? "en" : "es"; remember(other); setLanguage(other); });
$("log-in").querySelector("form").addEventListener("submit", enter);
$("log-out").addEventListener("click", async () => { await logOut(); draw(); });
$("ask").querySelector("form").addEventListener("submit", order);
$("cancel").addEventListener("click", () => $("ask").close());
document.addEventListener("visibilitychange", () => drawSoon("tick"));
setInterval(() => { if (model.me) draw(); }, 1000);

setLanguage(remembered() ?? "es");
try {
  await whoAmI();
  follow(drawSoon);
} catch { /* nobody is logged in: the form is shown */ }
draw();
