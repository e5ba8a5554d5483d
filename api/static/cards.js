// Pieces of the page, each built from one document. A piece is built again only when what it shows has changed.

import { freshness, model, watch, watched } from "/static/model.js";
import { amount, clock, duration, language, number, t, unit, word } from "/static/texts.js";

const RANK = { evacuate: 0, high: 1, warning: 2, notice: 3 };
const SIGN = { evacuate: "⏏", high: "▲", warning: "◆", notice: "●" };
const cache = new Map();
const opened = new Set();

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "width") element.style.width = value;
    else if (name === "left") element.style.left = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

// The element of `key`, built again when `shown` differs; what had the focus in it keeps it.
export function piece(key, shown, build) {
  const signature = language + JSON.stringify(shown);
  const old = cache.get(key);
  if (old?.signature === signature) return old.element;
  const element = build();
  const focused = old?.element.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  old?.element.replaceWith(element);
  cache.set(key, { signature, element });
  if (focused) element.querySelector(`[data-focus="${focused}"]`)?.focus();
  return element;
}

export function fill(container, elements) {
  const same = container.childNodes.length === elements.length && elements.every((element, i) => container.childNodes[i] === element);
  if (!same) container.replaceChildren(...elements);
}

const button = (action, style, onclick) => h("button", { type: "button", class: style, "data-focus": action, onclick }, t.actions[action]);
export const empty = (key, text) => piece(`empty/${key}`, text, () => h("p", { class: "empty" }, text));

const zoneName = (id) => model.zones.find((zone) => zone.id === id)?.name ?? id ?? "";
const personName = (id) => model.site?.people.find((person) => person.id === id)?.name ?? t.nobody[id] ?? id;
const quantityName = (quantity) => word("quantity", quantity);
const fold = (key, summary, ...children) => h("details", {
  open: opened.has(key),
  ontoggle: (event) => { if (event.target.open) opened.add(key); else opened.delete(key); },
}, h("summary", { "data-focus": key }, summary), ...children);

// -- alarms ----------------------------------------------------------------------------------------------------------

export const byUrgency = () => [...model.alarms.values()].sort((a, b) =>
  (RANK[a.priority] ?? 0) - (RANK[b.priority] ?? 0) || String(a.since).localeCompare(String(b.since)));

export function alarmTitle(alarm) {
  const sensor = model.sensors.get(alarm.sensor);
  const told = alarm[`title_${language}`];
  if (told) return told;
  return [sensor && quantityName(sensor.quantity), alarm.condition.replaceAll("_", " ")].filter(Boolean).join(": ");
}

export function alarmPlace(alarm) {
  return [zoneName(alarm.zone), alarm.sensor ?? alarm.alarm.split(".")[0]].filter(Boolean).join(" · ");
}

function stateWords(alarm) {
  const say = t.state[alarm.state];
  if (!say) return word("state", alarm.state);
  return say({ by: personName(alarm.acknowledged_by) ?? "", until: clock(alarm.until) });
}

export function alarmCard(alarm, first, act) {
  const may = model.me?.may_command;
  const seen = watched(watch().state);
  return piece(`alarm/${alarm.alarm}`, [alarm, first, may, seen, model.zones.map((zone) => zone.name)], () => {
    const actions = [];
    if (/unack$/.test(alarm.state)) actions.push("acknowledge");
    if (alarm.state.startsWith("latched")) actions.push("reset");
    if (alarm.state === "shelved") actions.push("unshelve");
    else if (["unack", "acked"].includes(alarm.state) && ["notice", "warning"].includes(alarm.priority)) actions.push("shelve");
    const lower = /low$/.test(alarm.condition);
    const told = alarm.limit == null ? "" : ` (${lower ? t.minimum : t.limit} ${number(alarm.limit, alarm.unit)})`;
    const response = alarm[`response_${language}`];
    return h("article", { class: `alarm ${alarm.priority} ${/unack$/.test(alarm.state) ? "loud" : ""}`, "data-alarm": alarm.alarm },
      h("h3", {}, h("span", { class: "badge" }, h("span", { "aria-hidden": "true" }, `${SIGN[alarm.priority] ?? "●"} `), word("priority", alarm.priority)), ` ${alarmTitle(alarm)}`),
      alarm.drill && h("p", { class: "drill" }, t.drill),
      h("p", { class: "figure" }, h("strong", {}, alarm.value == null ? "" : amount(alarm.value, alarm.unit)), told),
      h("p", {}, alarmPlace(alarm), " · ", t.since(clock(alarm.since)), first && h("span", { class: "tag" }, t.firstOut),
        alarm.access === "closed" && h("span", { class: "tag" }, t.accessClosed), !seen && h("span", { class: "tag bad" }, t.old)),
      h("p", { class: "state" }, stateWords(alarm), alarm.acknowledged_by && alarm.state !== "acked" && alarm.state !== "shelved" ? ` (${t.state.acked({ by: personName(alarm.acknowledged_by) })})` : ""),
      seen && alarm.state.startsWith("latched") && alarm.beyond !== true && ["level", "stel", "ceiling", "oxygen_low", "oxygen_high"].includes(alarm.condition) && h("p", { class: "hint" }, t.stillForbidden),
      response && h("p", {}, h("strong", {}, `${t.responseTitle}: `), response),
      alarm.reason && h("p", { class: "source" }, word("reason", alarm.reason)),
      alarm.source && h("p", { class: "source" }, `${t.source}: ${[alarm.regime && word("regime", alarm.regime), alarm.source].filter(Boolean).join(", ")}`),
      h("div", { class: "buttons" }, may
        ? actions.map((action) => button(action, action === "acknowledge" ? "primary" : "", () => act({
          action, path: `alarms/${alarm.alarm}/${action}`, subject: [word("priority", alarm.priority), alarmTitle(alarm), alarmPlace(alarm), alarm.value == null ? null : amount(alarm.value, alarm.unit)] })))
        : actions.length ? h("span", { class: "source" }, t.readOnly) : null));
  });
}

// -- protocols -------------------------------------------------------------------------------------------------------

const GRAVE = { withdraw: "high", evacuate: "evacuate", muster: "evacuate", refuge: "evacuate", misfire_hold: "high" };
const AT_REST = ["idle", "normal", "planned", "released", "cancelled", "all_clear"];

export function protocolCard(protocol, act) {
  const may = model.me?.may_command;
  const seen = watched(watch().state);
  return piece(`protocol/${protocol.protocol}`, [protocol, may, seen, model.zones.map((zone) => zone.name)], () => {
    const words = t.protocolState[protocol.protocol]?.[protocol.state] ?? String(protocol.state ?? t.unknown);
    const by = protocol.permitted_by ?? protocol.by;
    const names = (ids, name) => (ids?.length ? ids.map((id) => name(id.zone ?? id)).join(", ") : null);
    const [where, missing, unverified, signed] = [
      protocol.whole_mine ? t.wholeMine : names(protocol.zones, zoneName), names(protocol.missing, personName),
      names(protocol.not_verified_empty, zoneName), names(protocol.signatures, personName)];
    return h("article", { class: `card ${AT_REST.includes(protocol.state) ? "" : GRAVE[protocol.state] ?? "warning"} ${seen ? "" : "stale"}` },
      h("h3", {}, word("protocol", protocol.protocol), !seen && h("span", { class: "tag bad" }, t.old)),
      protocol.drill && h("p", { class: "drill" }, t.drill),
      h("p", { class: "figure" }, h("strong", {}, words), typeof by === "string" ? ` ${t.by(personName(by))}` : "", protocol.until ? ` ${t.until(clock(protocol.until))}` : ""),
      seen && protocol.protocol === "reentry" && protocol.state === "ready" && h("p", { class: "hint" }, t.readyHint),
      where && h("p", {}, where), missing && h("p", { class: "hint" }, t.missing(missing)),
      unverified && h("p", {}, t.unverified(unverified)), signed && h("p", {}, t.signed(signed)),
      protocol.since && h("p", { class: "source" }, t.since(clock(protocol.since))),
      protocol.protocol === "evacuation" && may && evacuationButtons(protocol, words, act));
  });
}

function evacuationButtons(protocol, words, act) {
  const actions = AT_REST.includes(protocol.state) ? ["start"] : [
    !["evacuate", "muster", "refuge"].includes(protocol.state) && "start", protocol.state === "muster" && "silence", "all_clear"];
  return h("div", { class: "buttons" }, actions.filter(Boolean).map((action) => button(action, "danger", () => act({
    action, path: `protocols/evacuation/${action}`, subject: action === "start" ? [t.wholeMine] : [word("protocol", "evacuation"), words, action === "all_clear" && t.signHint] }))));
}

// -- zones -----------------------------------------------------------------------------------------------------------

export function zoneCard(zone, alarms) {
  const seen = watched(watch().state);
  const sensors = [...model.sensors.values()].filter((sensor) => sensor.zone === zone.id);
  const machines = [...model.actuators.values()].filter((actuator) => actuator.kind === "fan" && actuator.zones.includes(zone.id));
  const key = `zone/${zone.id}`;
  const head = piece(`${key}/head`, [zone, seen], () => h("header", {},
    h("h3", {}, zone.name),
    h("p", { class: "chips" },
      h("span", { class: "tag" }, seen ? word("occupancy", zone.occupancy) : t.occupancy.unknown, seen && zone.occupancy === "empty" && zone.confirmed_by ? ` ${t.by(personName(zone.confirmed_by))}` : "", seen && zone.people != null ? ` (${t.people(zone.people)})` : ""),
      zone.access === "closed" && h("span", { class: "tag bad" }, t.accessClosed),
      h("span", { class: seen && zone.protected ? "tag" : "tag bad" }, seen && zone.protected ? t.protected : t.unprotected))));
  const cards = sensors.length ? sensors.map((sensor) => sensorCard(sensor, alarms)) : [empty(key, t.noSensors)];
  const body = piece(`${key}/body`, zone.id, () => h("div", { class: "grid" }));
  fill(body, [...cards, ...machines.map((machine) => actuatorCard(machine, zone.id))]);
  const card = piece(key, zone.id, () => h("section", { class: "zone", "aria-label": zone.name }));
  fill(card, [head, body]);
  return card;
}

const SEVERITY = { exceeded: 0, indeterminate: 1, compliant: 2 };

// Limits in the order in which they matter, and how many of them stand open: two of the regimes that drive alarms,
// and whatever is exceeded.
function ranked(sensor) {
  const driving = new Set([...(model.site?.alarm_regimes ?? []), "site"]); // the mine's own limits always do
  const all = [...(sensor.limits ?? [])].sort((a, b) =>
    (SEVERITY[a.verdict] ?? 3) - (SEVERITY[b.verdict] ?? 3) || (b.fraction ?? 0) - (a.fraction ?? 0));
  const first = all.filter((limit) => driving.has(limit.regime)).slice(0, 2);
  const open = all.filter((limit) => first.includes(limit) || limit.verdict === "exceeded");
  return [open, all.filter((limit) => !open.includes(limit))];
}

function sensorCard(sensor, alarms) {
  const { age, stale } = freshness(sensor);
  const alarm = alarms.find((candidate) => candidate.sensor === sensor.id);
  const key = `sensor/${sensor.id}`;
  const { value, unit: name, quality, reason, limits } = sensor;
  const element = piece(key, [value, name, quality, reason, limits, stale, alarm?.priority, alarm?.state], () => {
    const [open, rest] = ranked(sensor);
    const trusted = quality === "good" && !stale;
    const over = !alarm && !stale && (limits || []).some((limit) => limit.verdict === "exceeded");
    const status = alarm ? word("priority", alarm.priority) : over ? word("verdict", "exceeded") : trusted ? t.alarmFree : null;
    return h("article", { class: `card sensor ${stale ? "stale" : ""} ${alarm ? alarm.priority : over ? "warning" : trusted ? "calm" : "doubt"}`, "data-sensor": sensor.id },
      h("h4", {}, quantityName(sensor.quantity), h("small", {}, ` ${sensor.id}`)),
      h("p", { class: "value" }, value == null ? t.noValue : number(value, name), value == null ? "" : h("span", { class: "unit" }, ` ${unit(name)}`)),
      h("p", { class: "quality" }, stale && h("strong", {}, `${t.old} · `), quality ? word("quality", quality) : "", reason ? `: ${word("reason", reason)}` : "", quality ? " · " : "", h("span", { class: "age" }), status ? ` · ${status}` : ""),
      open.length ? h("ul", { class: "limits" }, open.map((limit) => limitRow(limit, name, stale))) : null,
      rest.length ? fold(key, t.moreLimits(rest.length), h("ul", { class: "limits" }, rest.map((limit) => limitRow(limit, name, stale)))) : null,
      open.length + rest.length ? null : h("p", { class: "source" }, t.noLimits));
  });
  const words = age != null ? t.ago(duration(age)) : sensor.time ? t.unknownAge : t.noReading;
  const place = element.querySelector(".age");
  if (place.textContent !== words) place.textContent = words;
  return element;
}

// One limit: its name, a bar from 0 to 125 % of it with the range low–high and the best estimate, and the same in words.
function limitRow(limit, name, stale) {
  const label = `${word("regime", limit.regime)} · ${kindName(limit)}`;
  const figure = limit.kind === "MIN" ? `${number(limit.value, name)} (${t.minimum} ${amount(limit.limit, name)})` : t.valueOf(number(limit.value, name), amount(limit.limit, name));
  const range = limit.high == null ? t.atLeast(number(limit.low, name)) : limit.high - limit.low > 1e-9 ? t.between(number(limit.low, name), number(limit.high, name)) : null;
  const words = [
    stale && limit.verdict !== "exceeded" ? null : word("verdict", limit.verdict), // an old "below" says nothing of now
    range && limit.value != null && `${t.best} ${number(limit.value, name)}, ${range}`,
    limit.confirmed_by ? t.signed(limit.confirmed_by, limit.confirmed_on) : limit.confidence === "M" && t.unconfirmed,
    limit.reason === "resolution" && t.unresolved,
    limit.coverage != null && t.validData(Math.round(limit.coverage * 100)),
    !stale && limit.time_to_limit_s > 0 && limit.verdict !== "exceeded" ? t.timeLeft(duration(limit.time_to_limit_s)) : null,
  ].filter(Boolean).join(" · ");
  return h("li", { class: stale ? "stale" : limit.verdict },
    h("p", {}, h("span", {}, label), h("strong", {}, figure)),
    limit.kind === "MIN" ? null : bar(limit),
    h("p", { class: "source" }, words));
}

function kindName({ kind, averaging_minutes: minutes }) {
  if (minutes && (kind === "TWA" || kind === "STEL")) return t.meanOf(minutes % 60 ? `${minutes} min` : `${minutes / 60} h`);
  return word("kind", kind);
}

function bar(limit) {
  const part = (figure) => `${Math.min(100, Math.max(0, (figure / limit.limit) * 80))}%`;
  const top = limit.high ?? Infinity;
  return h("div", { class: "bar", "aria-hidden": "true" },
    h("i", { class: "range", left: part(limit.low ?? 0), width: `${Math.max(0, parseFloat(part(top)) - parseFloat(part(limit.low ?? 0)))}%` }),
    h("i", { class: "best", width: part(limit.value ?? limit.low ?? 0) }),
    h("i", { class: "mark", left: "80%" }));
}

// -- fans, sirens, beacons -------------------------------------------------------------------------------------------

function level(setpoint) {
  if (setpoint == null) return t.unknown;
  return typeof setpoint === "number" ? `${setpoint} %` : word("setpoint", setpoint);
}

const INTAKE = { contaminated: () => t.intakeBad, not_watched: () => t.intakeUnwatched };
const METHANE = { measured: () => t.methaneBad, not_watched: () => t.methaneUnwatched };

export function actuatorCard(actuator, place) {
  const seen = watched(watch().state);
  const ventilation = model.protocols.get("ventilation");
  const fan = ventilation?.fans?.[actuator.id];
  return piece(`actuator/${actuator.id}/${place}`, [actuator.command, actuator.state, fan, seen], () => {
    const { state, command } = actuator;
    const rows = [];
    if (fan) rows.push([t.wanted, [fan.wanted == null ? t.nothing : level(fan.wanted), INTAKE[fan.intake]?.(), METHANE[fan.interlock]?.()].filter(Boolean).join(" · ")]);
    else if (command) rows.push([t.wanted, level(command.setpoint)]);
    const actual = !seen || !state ? t.unheard
      : actuator.kind === "fan" ? [state.running == null ? t.unknown : state.running ? t.running : t.stopped, level(state.setpoint), state.speed_rpm != null && `${Math.round(state.speed_rpm)} rpm`].filter(Boolean).join(" · ")
        : level(state.setpoint);
    rows.push([t.actual, actual]);
    const proven = fan?.proof?.proven;
    if (actuator.kind === "fan") {
      const velocity = fan?.proof?.velocity;
      const moving = seen && proven === true ? t.proven : seen && proven === false && state?.running ? t.failedProof : t.unproven;
      rows.push([t.proof, moving + (seen && velocity != null ? ` (${amount(velocity, "m/s")})` : "")]);
    }
    const trouble = actuator.kind === "fan" ? seen && proven === false && state?.running : ["evacuate", "warn"].includes(state?.setpoint);
    return h("article", { class: `card ${seen ? "" : "stale"} ${trouble ? "warning" : ""}`, "data-actuator": actuator.id },
      h("h4", {}, word("actuator", actuator.kind), actuator.mode ? ` ${word("mode", actuator.mode)}` : "", h("small", {}, ` ${actuator.id}`)),
      h("dl", {}, rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
  });
}
