// What the page knows of the mine, how old it is, and the two ways it comes: fetched once, then streamed.

const STREAM_SILENT_S = 7; // `health` comes every 2 s on every stream
const STREAM_DEAD_S = 12; // then the socket is given up and opened again
const LAG_TOLD_S = 10;

export const model = { site: null, me: null, zones: [], sensors: new Map(), actuators: new Map(), alarms: new Map(), protocols: new Map(), health: null };
const link = { source: null, heardAt: null, lag: 0, base: Infinity, early: null };
const now = () => performance.now() / 1000;
let changed = () => {};

export class Problem extends Error {
  constructor(kind, document) { super(document.detail ?? kind); this.kind = kind; this.document = document; }
}

export async function call(path, { method = "GET", body, form } = {}) {
  const headers = { Accept: "application/json" };
  if (model.me && method !== "GET") headers["X-CSRF-Token"] = model.me.csrf;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, { method, headers, body: form ?? (body && JSON.stringify(body)) });
  } catch {
    throw new Problem("network", {});
  }
  if (response.status === 204) return null;
  const document = await response.json().catch(() => ({}));
  if (response.ok || path === "health") return document;
  throw new Problem(kindOf(response.status, document), document);
}

function kindOf(status, document) {
  if (status === 504) return "not-confirmed";
  if (status === 409) return "refused";
  return String(document.type ?? "").replace("urn:bocamina:", "") || String(status);
}

export async function logIn(form) { model.me = await call("auth/session", { method: "POST", form: new URLSearchParams(new FormData(form)) }); }
export async function whoAmI() { model.me = await call("auth/session"); }

export async function logOut() {
  await call("auth/session", { method: "DELETE" }).catch(() => {});
  stop();
  model.me = null;
}

export function follow(onChange) {
  changed = onChange;
  stop();
  open();
}

export function stop() {
  link.source?.close();
  link.source = null;
}

function open() {
  const source = new EventSource("/api/v1/stream?pace_s=2");
  link.source = source;
  link.openedAt = now();
  link.early = [];
  source.onopen = () => { link.base = Infinity; load(source); };
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) reopen(source); };
  for (const kind of ["reading", "exposure", "alarm", "protocol", "zone", "actuator", "command", "health", "gap"]) {
    source.addEventListener(kind, (event) => { if (source === link.source) heard(kind, JSON.parse(event.data)); });
  }
}

async function reopen(source) {
  if (source !== link.source) return;
  source.close();
  try {
    await whoAmI();
  } catch (problem) {
    if (problem.kind === "not-logged-in") { model.me = null; stop(); changed("log-in"); return; }
  }
  if (source === link.source) setTimeout(() => { if (source === link.source) open(); }, 3000);
}

// Events that come while the state is being fetched wait for it: each is a whole document, so the last one wins.
async function load(source) {
  link.early ??= [];
  try {
    const [site, zones, sensors, actuators, alarms, protocols] = await Promise.all(
      ["site", "zones", "sensors", "actuators", "alarms", "protocols"].map((path) => call(path)));
    if (source !== link.source) return;
    model.site = site;
    model.zones = zones.items;
    model.sensors = new Map(sensors.items.map((item) => [item.id, { ...item, asOf: item.age_s == null ? -Infinity : now() - item.age_s }]));
    model.actuators = new Map(actuators.items.map((item) => [item.id, item]));
    model.alarms = new Map(alarms.items.map((item) => [item.alarm, item]));
    model.protocols = new Map(protocols.items.map((item) => [item.protocol, item]));
    const early = link.early ?? [];
    link.early = null;
    early.forEach(([kind, document]) => apply(kind, document));
    changed("site");
  } catch {
    setTimeout(() => { if (source === link.source) load(source); }, 3000);
  }
}

function heard(kind, document) {
  link.heardAt = now();
  if (kind === "health") {
    // The server's steady clock against ours: what exceeds the smallest difference seen is time spent on the way.
    const offset = now() - document.uptime_s;
    link.base = Math.min(link.base, offset);
    link.lag = offset - link.base;
    model.health = document;
    changed("health");
  } else if (kind === "gap") load(link.source);
  else if (link.early) link.early.push([kind, document]);
  else { apply(kind, document); changed(kind, document); }
}

function apply(kind, document) {
  if (kind === "reading" || kind === "exposure") {
    const sensor = model.sensors.get(document.sensor);
    if (!sensor) return;
    const { value, quality, reason, time } = document;
    Object.assign(sensor, { value, quality, reason, time, unit: document.unit ?? sensor.unit, asOf: now() - link.lag });
    if (kind === "exposure") sensor.limits = document.limits ?? [];
  } else if (kind === "alarm") {
    if (document.state === "normal") model.alarms.delete(document.alarm); else model.alarms.set(document.alarm, document);
  } else if (kind === "protocol") model.protocols.set(document.protocol, document);
  else if (kind === "zone") Object.assign(model.zones.find((zone) => zone.id === document.zone) ?? {}, document);
  else if (kind === "actuator" || kind === "command") {
    const actuator = model.actuators.get(document.actuator);
    if (actuator) actuator[kind === "command" ? "command" : "state"] = document;
  }
}

// The answer to an order is the alarm or the protocol as it stands after it.
export function took(document) { apply(document.alarm ? "alarm" : "protocol", document); }

// One of: page (this screen hears nothing), slow, gateway (the mine is not watched), degraded, starting, ok.
export function watch() {
  if (link.heardAt == null) return { state: "page", age: null };
  const age = now() - link.heardAt;
  if (age > STREAM_DEAD_S && link.source && now() - link.openedAt > STREAM_DEAD_S) { link.source.close(); open(); }
  if (age > STREAM_SILENT_S) return { state: "page", age };
  if (link.lag > LAG_TOLD_S) return { state: "slow", age: link.lag };
  if (!model.health || model.health.status === "down") return { state: "gateway", age };
  if (model.health.gateway.state === "starting") return { state: "starting", age };
  return { state: model.health.status, age };
}

export const watched = (state) => state === "ok" || state === "degraded" || state === "starting";

export function freshness(sensor) {
  const age = now() - sensor.asOf;
  const limit = sensor.max_age_s ?? Math.max(30, 3 * sensor.period_s);
  return { age: Number.isFinite(age) ? age : null, stale: !(age <= limit) || !watched(watch().state) };
}
