// What a person reads, in Spanish and English. Words after the project's glossary: no word here says that air is harmless.

const es = {
  title: "Bocamina", skip: "Ir al contenido", logIn: "Entrar al sistema", username: "Usuario", password: "Contraseña",
  enter: "Entrar", logOut: "Salir", alarms: "Alarmas activas", protocols: "Protocolos y sirenas", zones: "Zonas",
  cancel: "Cancelar", minutes: "Minutos",
  disclaimer: "Bocamina ayuda a vigilar el aire. No está certificado como equipo de seguridad de vida (no SIL) y no reemplaza al detector portátil certificado ni a la medición antes del ingreso. Sin alarma no quiere decir sin peligro.",
  demo: "DEMO · mina simulada, ningún valor es real", drill: "SIMULACRO",
  notWatched: "SIN VIGILANCIA", measureFirst: "Mida con el portátil antes de ingresar.",
  connecting: "Esta pantalla todavía no recibe datos.",
  pageSilent: "Esta pantalla no recibe datos. Los valores en gris son viejos.",
  pageSlow: "El enlace es muy lento: lo que se ve ya pasó.",
  gatewaySilent: "El gateway no da señal de vida. Los valores en gris son viejos.",
  degraded: "Vigilancia incompleta: el gateway informa problemas.", starting: "El gateway está arrancando: todavía no vigila todo.",
  lastHeard: (age) => `Última señal hace ${age}`, neverHeard: "Todavía sin señal",
  brokerNotDurable: "El broker de esta instalación no guarda mensajes (broker no durable): solo para demostración.",
  clockUntrusted: "Hora no confiable: las horas mostradas pueden estar mal.",
  onlyNotices: "Solo avisos. Sin alarma no quiere decir sin peligro.", notices: (n) => `Avisos (${n})`, noAlarms: "Sin alarma activa. Sin alarma no quiere decir sin peligro.", unknownAlarms: "No se sabe si hay alarmas: nadie vigila.", noProtocols: "El gateway no informó ningún protocolo.",
  noZones: "El archivo de la mina no tiene zonas.", noSensors: "Sin sensores en esta zona: nadie mide aquí.",
  noLimits: "Sin límites informados.", noValue: "sin dato", noReading: "nunca llegó un dato",
  ago: (age) => `hace ${age}`, unknownAge: "edad desconocida", old: "DATO VIEJO",
  since: (time) => `desde ${time}`, limit: "lím", minimum: "mín", maximum: "máx",
  alarmFree: "sin alarma", firstOut: "primera alarma", readOnly: "Solo lectura: su rol no da órdenes.",
  stillForbidden: "El gas bajó del límite, pero eso no es permiso de ingreso: falta medir con portátil y firmar.",
  people: (n) => (n === 1 ? "1 persona" : `${n} personas`), accessClosed: "acceso cerrado",
  unprotected: "sin vigilancia", protected: "con vigilancia",
  wanted: "Pedido", nothing: "sin pedido (mantiene)", intakeBad: "entrada de aire contaminada", intakeUnwatched: "entrada de aire sin vigilancia", methaneBad: "bloqueado por metano", methaneUnwatched: "metano sin vigilancia", actual: "Real", proof: "Prueba de aire",
  running: "en marcha", stopped: "parado", unknown: "no se sabe", unheard: "no responde",
  proven: "el aire se mueve", unproven: "sin prueba: no se sabe si el aire se mueve", failedProof: "EL AIRE NO SE MUEVE",
  best: "mejor estimado", between: (low, high) => `entre ${low} y ${high}`, atLeast: (low) => `al menos ${low}, máximo no se sabe`,
  validData: (percent) => `datos válidos ${percent} %`, timeLeft: (time) => `a este nivel llega al límite en ${time}`,
  moreLimits: (n) => `Otros límites (${n})`, meanOf: (time) => `promedio ${time}`, unconfirmed: "límite por confirmar", signed: (name, day) => `confirmado por ${name} el ${day}`, unresolved: "el sensor no distingue este límite", valueOf: (value, limit) => `${value} de ${limit}`,
  commentOptional: "Comentario (opcional)", commentNeeded: "Motivo",
  confirm: "Confirmar", done: "Registrado", sending: "Enviando…",
  responseTitle: "Qué hacer", source: "Fuente", nobody: { schedule: "horario" }, by: (name) => `por ${name}`, until: (time) => `hasta las ${time}`,
  newAlarm: (text) => `Alarma nueva: ${text}`,
  actions: { acknowledge: "Enterado", reset: "Reponer", shelve: "Aplazar", unshelve: "Quitar aplazamiento", start: "Evacuar", silence: "Silenciar sirena", all_clear: "Firmar fin de la emergencia" },
  wholeMine: "toda la mina", unverified: (zones) => `Falta confirmar que no queda nadie: ${zones}`, missing: (names) => `Faltan: ${names}`, signed: (names) => `Firmaron: ${names}`,
  signHint: "Hacen falta dos personas con autoridad. A cada labor se ingresa solo con su medición y su permiso.",
  roles: { officer: "ingeniero de seguridad", supervisor: "supervisor", reviewer: "revisor", admin: "administrador" },
  problems: {
    "wrong-password": "El usuario o la contraseña no coinciden.", throttled: (p) => `Demasiados intentos. Espere ${p.retry_after_s} s.`,
    "not-logged-in": "La sesión terminó. Entre otra vez.", role: "Su rol no da órdenes.",
    "not-confirmed": "No se pudo confirmar: el gateway no respondió. Puede haberse hecho o no. Mire el estado antes de repetir.",
    refused: (p) => `El gateway no lo aceptó: ${p.detail}`, "no-such-alarm": "Esa alarma ya no está activa.",
    network: "Sin conexión con el servidor. No se sabe si se hizo: mire el estado antes de repetir.",
  },
  priority: { notice: "Aviso", warning: "Atención", high: "Peligro", evacuate: "Evacuar" },
  state: {
    unack: () => "sin reconocer", acked: (a) => `reconocida por ${a.by}`, rtn_unack: () => "volvió a normal, sin reconocer",
    latched_unack: () => "retenida, sin reconocer", latched_acked: () => "retenida, falta reponer",
    shelved: (a) => `aplazada hasta las ${a.until}${a.by ? ` por ${a.by}` : ""}`,
    suppressed: (a) => `suprimida por diseño: disparo, hasta las ${a.until}`, out_of_service: () => "fuera de servicio",
    normal: () => "terminada",
  },
  quality: { good: "válido", uncertain: "dudoso", bad: "no válido", late: "llegó tarde" },
  reason: {
    stale: "sin datos recientes", stuck: "no varía", over_range: "sobre el rango", under_range: "bajo el rango",
    checksum: "trama errada", uncalibrated: "sin calibrar", warming_up: "calentando", fault: "falla",
    clock: "hora no confiable", late: "llegó tarde", absurd: "valor imposible", cross_gas: "interferencia de otro gas",
    backlog: "dato atrasado", bump_suspect: "falta prueba de respuesta", recovered: "recuperada al reiniciar",
  },
  occupancy: { occupied: "con personal", empty: "vacía, confirmada", unknown: "no se sabe quién está" },
  verdict: { exceeded: "excedido", compliant: "dentro del límite", indeterminate: "datos insuficientes" },
  kind: { TWA: "promedio 8 h", STEL: "promedio 15 min", CEILING: "techo", IDLH: "peligro inmediato (IDLH)", MIN: "mínimo", MAX: "máximo", ACTION: "nivel de acción" },
  regime: { peru: "Perú", acgih: "ACGIH", niosh: "NIOSH", osha: "OSHA", msha: "MSHA", msha_legacy: "MSHA antiguo", eu: "UE", site: "límite de la mina" },
  protocol: { evacuation: "Evacuación", blast: "Disparo", reentry: "Reingreso", ventilation: "Ventilación", drill: "Simulacro" },
  protocolState: {
    evacuation: { idle: "sin emergencia", alert: "alerta", stop_work: "parar trabajo", withdraw: "retirar", evacuate: "evacuar", muster: "reunión y conteo", refuge: "refugio", all_clear: "fin de la emergencia" },
    reentry: { idle: "sin disparo", waiting: "esperando gases", measuring: "por medir", ready: "gases bajo el límite, falta firma", permitted: "ingreso autorizado", revoked: "autorización anulada" },
    ventilation: { normal: "normal", demand: "según demanda", purge: "purga", ineffective: "el gas no baja", manual: "manual" },
    blast: { planned: "programado", clearing: "retirando al personal", armed: "armado", fired: "disparado", fumes: "esperando gases", measuring: "por medir", released: "ingreso autorizado", misfire_hold: "espera por tiro cortado", cancelled: "cancelado" },
  },
  readyHint: "Falta medir con portátil y firmar. TODAVÍA NO INGRESEN.",
  actuator: { fan: "Ventilador", siren: "Sirena", beacon: "Baliza" }, mode: { blowing: "impelente", exhausting: "aspirante" },
  setpoint: { off: "apagada", warn: "aviso", evacuate: "evacuar", all_clear: "fin, solo voz", test: "prueba" },
  quantity: {
    o2: "Oxígeno", ch4: "Metano (CH₄)", co: "CO", co2: "CO₂", no: "NO", no2: "NO₂", so2: "SO₂", h2s: "H₂S", hcn: "HCN", nh3: "NH₃", o3: "O₃", h2: "H₂", hg: "Mercurio",
    pm1: "Polvo PM1", pm2_5: "Polvo PM2.5", pm4: "Polvo PM4", pm10: "Polvo PM10", dust_respirable: "Polvo respirable", dust_inhalable: "Polvo inhalable",
    silica_respirable: "Sílice respirable", dpm: "Humo diésel", air_velocity: "Velocidad del aire", air_flow: "Caudal de aire", air_direction: "Dirección del aire",
    temperature: "Temperatura", humidity: "Humedad", pressure: "Presión", pressure_diff: "Presión diferencial", fan_speed: "Giro del ventilador", fan_running: "Ventilador en marcha", battery: "Batería", rssi: "Señal de radio",
  },
};

const en = {
  title: "Bocamina", skip: "Skip to content", logIn: "Log in", username: "User", password: "Password",
  enter: "Log in", logOut: "Log out", alarms: "Active alarms", protocols: "Protocols and sirens", zones: "Zones",
  cancel: "Cancel", minutes: "Minutes",
  disclaimer: "Bocamina helps to watch the air. It is not certified life-safety equipment (no SIL) and replaces neither the certified portable detector nor the measurement before entry. No alarm does not mean no danger.",
  demo: "DEMO · simulated mine, no value is real", drill: "DRILL",
  notWatched: "NOT WATCHED", measureFirst: "Measure with the portable before entry.",
  connecting: "This screen receives no data yet.",
  pageSilent: "This screen receives no data. Greyed values are old.",
  pageSlow: "The link is very slow: what you see is past.",
  gatewaySilent: "The gateway gives no sign of life. Greyed values are old.",
  degraded: "Watch incomplete: the gateway reports trouble.", starting: "The gateway is starting: it does not watch everything yet.",
  lastHeard: (age) => `Last sign of life ${age} ago`, neverHeard: "No sign of life yet",
  brokerNotDurable: "This installation's broker keeps no messages (broker not durable): for demonstration only.",
  clockUntrusted: "Clock not trusted: the times shown may be wrong.",
  onlyNotices: "Notices only. No alarm does not mean no danger.", notices: (n) => `Notices (${n})`, noAlarms: "No active alarm. No alarm does not mean no danger.", unknownAlarms: "Whether there are alarms is unknown: nobody watches.", noProtocols: "The gateway has reported no protocol.",
  noZones: "The site file has no zones.", noSensors: "No sensors in this zone: nobody measures here.",
  noLimits: "No limits reported.", noValue: "no data", noReading: "never reported",
  ago: (age) => `${age} ago`, unknownAge: "age unknown", old: "OLD VALUE",
  since: (time) => `since ${time}`, limit: "limit", minimum: "min", maximum: "max",
  alarmFree: "no alarm", firstOut: "first alarm", readOnly: "Read only: your role gives no orders.",
  stillForbidden: "The gas is below the limit, but that is no permission to enter: a portable measurement and a signature are missing.",
  people: (n) => (n === 1 ? "1 person" : `${n} people`), accessClosed: "access closed",
  unprotected: "not watched", protected: "watched",
  wanted: "Wanted", nothing: "no order (holds)", intakeBad: "air intake contaminated", intakeUnwatched: "air intake not watched", methaneBad: "locked by methane", methaneUnwatched: "methane not watched", actual: "Actual", proof: "Airflow proof",
  running: "running", stopped: "stopped", unknown: "unknown", unheard: "does not answer",
  proven: "the air moves", unproven: "no proof: whether the air moves is unknown", failedProof: "THE AIR DOES NOT MOVE",
  best: "best estimate", between: (low, high) => `between ${low} and ${high}`, atLeast: (low) => `at least ${low}, upper bound unknown`,
  validData: (percent) => `data coverage ${percent} %`, timeLeft: (time) => `at this level reaches the limit in ${time}`,
  moreLimits: (n) => `Other limits (${n})`, meanOf: (time) => `${time} mean`, unconfirmed: "limit unconfirmed", signed: (name, day) => `confirmed by ${name} on ${day}`, unresolved: "the sensor cannot resolve this limit", valueOf: (value, limit) => `${value} of ${limit}`,
  commentOptional: "Comment (optional)", commentNeeded: "Reason",
  confirm: "Confirm", done: "Recorded", sending: "Sending…",
  responseTitle: "What to do", source: "Source", nobody: { schedule: "timetable" }, by: (name) => `by ${name}`, until: (time) => `until ${time}`,
  newAlarm: (text) => `New alarm: ${text}`,
  actions: { acknowledge: "Acknowledge", reset: "Reset", shelve: "Shelve", unshelve: "Unshelve", start: "Evacuate", silence: "Silence siren", all_clear: "Sign the end of the emergency" },
  wholeMine: "the whole mine", unverified: (zones) => `Not yet verified empty: ${zones}`, missing: (names) => `Missing: ${names}`, signed: (names) => `Signed: ${names}`,
  signHint: "Two persons with authority must sign. Each working is entered only with its own measurement and permit.",
  roles: { officer: "safety officer", supervisor: "supervisor", reviewer: "reviewer", admin: "administrator" },
  problems: {
    "wrong-password": "The user or the password is wrong.", throttled: (p) => `Too many attempts. Wait ${p.retry_after_s} s.`,
    "not-logged-in": "The session is over. Log in again.", role: "Your role gives no orders.",
    "not-confirmed": "Not confirmed: the gateway did not answer. It may or may not have been done. Look at the state before repeating.",
    refused: (p) => `The gateway refused: ${p.detail}`, "no-such-alarm": "That alarm is no longer active.",
    network: "No connection to the server. Whether it was done is unknown: look at the state before repeating.",
  },
  priority: { notice: "Notice", warning: "Attention", high: "Danger", evacuate: "Evacuate" },
  state: {
    unack: () => "not acknowledged", acked: (a) => `acknowledged by ${a.by}`, rtn_unack: () => "returned, not acknowledged",
    latched_unack: () => "latched, not acknowledged", latched_acked: () => "latched, needs reset",
    shelved: (a) => `shelved until ${a.until}${a.by ? ` by ${a.by}` : ""}`,
    suppressed: (a) => `suppressed by design: blast, until ${a.until}`, out_of_service: () => "out of service",
    normal: () => "ended",
  },
  quality: { good: "valid", uncertain: "doubtful", bad: "not valid", late: "late" },
  reason: {
    stale: "stale", stuck: "stuck", over_range: "over range", under_range: "under range", checksum: "bad frame",
    uncalibrated: "uncalibrated", warming_up: "warming up", fault: "fault", clock: "clock not trusted", late: "late",
    absurd: "impossible value", cross_gas: "interference of another gas", backlog: "late data", bump_suspect: "bump test needed", recovered: "recovered at restart",
  },
  occupancy: { occupied: "occupied", empty: "empty, confirmed", unknown: "unknown who is there" },
  verdict: { exceeded: "exceeded", compliant: "below the limit", indeterminate: "indeterminate" },
  kind: { TWA: "8 h mean", STEL: "15 min mean", CEILING: "ceiling", IDLH: "immediate danger (IDLH)", MIN: "minimum", MAX: "maximum", ACTION: "action level" },
  regime: { peru: "Peru", acgih: "ACGIH", niosh: "NIOSH", osha: "OSHA", msha: "MSHA", msha_legacy: "MSHA legacy", eu: "EU", site: "limit of the mine" },
  protocol: { evacuation: "Evacuation", blast: "Blast", reentry: "Re-entry", ventilation: "Ventilation", drill: "Drill" },
  protocolState: {
    evacuation: { idle: "no emergency", alert: "alert", stop_work: "stop work", withdraw: "withdraw", evacuate: "evacuate", muster: "muster", refuge: "refuge", all_clear: "end of the emergency" },
    reentry: { idle: "no blast", waiting: "waiting for fumes", measuring: "to be measured", ready: "gases below the limit, signature missing", permitted: "released", revoked: "permit withdrawn" },
    ventilation: { normal: "normal", demand: "on demand", purge: "purge", ineffective: "gas not falling", manual: "manual" },
    blast: { planned: "planned", clearing: "withdrawing people", armed: "armed", fired: "fired", fumes: "waiting for fumes", measuring: "to be measured", released: "released", misfire_hold: "misfire hold", cancelled: "cancelled" },
  },
  readyHint: "A portable measurement and a signature are missing. DO NOT ENTER YET.",
  actuator: { fan: "Fan", siren: "Siren", beacon: "Beacon" }, mode: { blowing: "blowing", exhausting: "exhausting" },
  setpoint: { off: "off", warn: "warning", evacuate: "evacuate", all_clear: "end, voice only", test: "test" },
  quantity: {
    o2: "Oxygen", ch4: "Methane (CH₄)", co: "CO", co2: "CO₂", no: "NO", no2: "NO₂", so2: "SO₂", h2s: "H₂S", hcn: "HCN", nh3: "NH₃", o3: "O₃", h2: "H₂", hg: "Mercury",
    pm1: "Dust PM1", pm2_5: "Dust PM2.5", pm4: "Dust PM4", pm10: "Dust PM10", dust_respirable: "Respirable dust", dust_inhalable: "Inhalable dust",
    silica_respirable: "Respirable silica", dpm: "Diesel particulate", air_velocity: "Air velocity", air_flow: "Airflow", air_direction: "Air direction",
    temperature: "Temperature", humidity: "Humidity", pressure: "Pressure", pressure_diff: "Pressure difference", fan_speed: "Fan speed", fan_running: "Fan running", battery: "Battery", rssi: "Radio signal",
  },
};

export const catalogues = { es, en };
const units = { "ug/m3": "µg/m³", "mg/m3": "mg/m³", "m3/s": "m³/s", "%vol": "%", degC: "°C", deg: "°", "1/cm3": "1/cm³", um: "µm", bool: "" };

export let language = "es";
export let t = es;
let zone = "America/Lima";

export function speak(wanted) {
  language = wanted in catalogues ? wanted : "es";
  t = catalogues[language];
  document.documentElement.lang = language;
}

export function setTimeZone(name) { zone = name; }

// A word of a table, or the identifier itself: a new identifier must never leave an empty place.
export const word = (table, key) => (key == null ? "" : t[table]?.[key] ?? String(key).replaceAll("_", " "));

export const unit = (name) => units[name] ?? name ?? "";

export function number(value, name) {
  if (value == null) return "—";
  const size = Math.abs(value);
  const digits = name === "%vol" ? (size < 1 ? 2 : 1) : size >= 100 ? 0 : size >= 1 || size === 0 ? 1 : 2;
  return value.toFixed(digits).replace(/\.0$/, name === "%vol" ? ".0" : "");
}

export const amount = (value, name) => `${number(value, name)} ${unit(name)}`.trim();

export function duration(seconds) {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

export function clock(time) {
  const instant = new Date(time);
  if (time == null || Number.isNaN(+instant)) return "—";
  const part = (options) => new Intl.DateTimeFormat("es-PE", { timeZone: zone, hourCycle: "h23", ...options }).format(instant);
  const day = part({ day: "2-digit", month: "2-digit" });
  const today = new Intl.DateTimeFormat("es-PE", { timeZone: zone, day: "2-digit", month: "2-digit" }).format(new Date());
  const hour = part({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return day === today ? hour : `${day} ${hour}`;
}
