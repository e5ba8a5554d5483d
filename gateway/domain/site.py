"""The site file as a frozen model: attribute names are the keys of the interface.

Only the shape and the single values are checked here; what needs two keys at once (references, duplicates,
reachability) is `bocamina/site_file.py`, which also turns every problem into one sentence.
"""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.domain.quality import ABSURD_ABOVE

Id = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Regime = str
"""A name of `limits.regimes()`: data files say which there are, so `bocamina/site_checks.py` checks it."""
LimitKind = Literal["TWA", "STEL", "CEILING", "IDLH", "MIN", "MAX", "ACTION"]
ZoneKind = Literal[
    "portal", "gallery", "crosscut", "face", "stope", "raise", "shaft", "refuge", "muster", "workshop", "surface",
    "compressor", "magazine", "fan_station", "amalgam_room", "lamp_room",
]  # fmt: skip


DAY_S: Final = 86_400.0
"""No wait, age or delay of a site is longer than a day: a longer one is a slip that would silence an alarm."""
Seconds = Annotated[float, Field(gt=0, le=DAY_S)]
Minutes = Annotated[float, Field(gt=0, le=DAY_S / 60)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)


class SiteInfo(_Frozen):
    """`[site]`: who and where the mine is."""

    id: Id
    name: str
    altitude_m: Annotated[float, Field(ge=-500, le=6500)] = 0.0
    timezone: str = "America/Lima"
    language: Literal["es", "en", "qu"] = "es"
    regimes: tuple[Regime, ...] = ("peru",)
    alarm_regimes: tuple[Regime, ...] = ("peru",)
    shift_hours: Annotated[float, Field(gt=0, le=24)] = 8.0
    week_hours: Annotated[float, Field(gt=0, le=168)] | None = None
    evacuation_scope: Literal["mine", "affected"] | None = None
    sms_name: Annotated[str, Field(max_length=10)] | None = None
    demo: bool = False


class Mqtt(_Frozen):
    """`[mqtt]`: the broker. TLS and log-in are optional; `durable = false` says that it keeps nothing."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    durable: bool = True


class JournalBudget(_Frozen):
    """`[journal]`: quota_mb is what the journal may take [10⁶ bytes], None: 40 % of its disk, 100 at least.

    Near it what is safe elsewhere leaves it, oldest first (`gateway/stores/trimming.py`); nothing else ever does.
    """

    quota_mb: Annotated[int, Field(ge=100)] | None = None


class Zone(_Frozen):
    """`[[zones]]`: an area that is treated and evacuated together."""

    id: Id
    name: str
    kind: ZoneKind
    sms_name: Annotated[str, Field(max_length=12)] | None = None
    dead_end: bool | None = None


class Connection(_Frozen):
    """`[[connections]]`: the mine graph; air flows from → to when the fans run as designed."""

    from_: Annotated[Id, Field(alias="from")]
    to: Id
    length_m: Annotated[float, Field(gt=0)]
    area_m2: Annotated[float, Field(gt=0)] | None = None


class Source(_Frozen):
    """`[[sources]]`: one wire. serial: port + driver; modbus: port + map; mqtt: topic + format.

    modbus: `address` of the device, 1 if not given (254: a Senseair that is alone); baud and parity are those of the
    whole bus, the map's if not given; `offset` is added to the map's register addresses.
    """

    id: Id
    kind: Literal["serial", "modbus", "mqtt"]
    port: str | None = None
    baud: Annotated[int, Field(gt=0)] | None = None
    driver: str | None = None
    map: str | None = None
    parity: Literal["N", "E", "O"] | None = None
    address: Annotated[int, Field(ge=1, le=254)] | None = None
    offset: Annotated[int, Field(ge=-65535, le=65535)] | None = None
    topic: str | None = None
    format: str | None = None


class Calibration(_Frozen):
    """value = (raw − zero) · span, made on `date` with `gas`."""

    zero: float = 0.0
    span: Annotated[float, Field(gt=0)] = 1.0
    date: str | None = None
    gas: str | None = None


class SensorConfig(_Frozen):
    """`[[sensors]]`: one measured quantity at one place.

    resolution: one step of the last digit. noise: peak to peak in still air. drift_per_year: since the calibration's
    date. All in the canonical unit; from the data sheet. calibration_days: how long a calibration is trusted, at most a
    year ("span at least annually", limits reference 6.5); else by quantity, see `gateway/conditioning/calibration.py`.
    bump_days: from one bump test to the next.
    """

    id: Id
    zone: Id
    quantity: str
    source: Id
    channel: str
    period_s: Seconds = 1.0
    full_scale: Annotated[float, Field(gt=0, le=ABSURD_ABOVE)] | None = None
    t90_s: Seconds | None = None
    max_age_s: Seconds | None = None
    warm_up_s: Annotated[float, Field(ge=0, le=DAY_S)] | None = None
    resolution: Annotated[float, Field(gt=0)] | None = None
    noise: Annotated[float, Field(ge=0)] | None = None
    drift_per_year: Annotated[float, Field(ge=0)] | None = None
    calibration: Calibration | None = None
    calibration_days: Annotated[int, Field(ge=1, le=366)] | None = None
    bump_days: Annotated[int, Field(ge=1, le=366)] | None = None
    setpoints: dict[str, float] = {}
    delays: dict[str, float] = {}
    deadband: Annotated[float, Field(ge=0)] | None = None
    role: Literal["witness", "intake_guard", "fan_proof"] | None = None
    protection: Literal["required", "indicative"] | None = None


class Actuator(_Frozen):
    """`[[actuators]]`: a fan, siren or beacon and the zones it serves."""

    id: Id
    kind: Literal["fan", "siren", "beacon"]
    zones: tuple[Id, ...] = ()
    mode: Literal["blowing", "exhausting"] | None = None
    fail_safe: Literal["hold", "on", "off"] = "hold"
    restart_within_min: Minutes = 10.0
    proof_s: Seconds | None = None
    duct_length_m: Annotated[float, Field(gt=0)] | None = None
    proof_test_days: Annotated[int, Field(ge=1, le=366)] | None = None
    idle_percent: Annotated[float, Field(ge=0, le=100)] = 0.0


class Shift(_Frozen):
    """`[[shifts]]`: local times of the site's zone."""

    id: Id
    start: ClockTime
    end: ClockTime
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()


class Blast(_Frozen):
    """`[[blasts]]`: the schedule (limits reference 7.2.1)."""

    times: tuple[ClockTime, ...]
    zones: tuple[Id, ...]
    influence: tuple[Id, ...] = ()
    guards: tuple[str, ...] = ()
    window_min: Minutes = 90.0
    fume_wait_min: Minutes = 30.0


class Person(_Frozen):
    """`[[people]]`: whom to call and who may sign."""

    id: Id
    name: str
    role: Literal["officer", "supervisor", "reviewer", "admin", "miner", "contractor", "external", "visitor",
                  "brigade", "physician", "technician"]  # fmt: skip
    language: Literal["es", "en", "qu"] | None = None
    notify: tuple[str, ...] = ()


class SiteLimit(_Frozen):
    """`[[limits]]`: a limit that a person signs, see `gateway/domain/site_limits.py`.

    confirmed_by: an id of `[[people]]`, or the name of somebody else. confirmed_on: YYYY-MM-DD. regime: the one whose
    row is confirmed; without it a row of the alarm regimes, or a stricter limit of the mine's own.
    """

    quantity: str
    kind: LimitKind
    averaging_minutes: Annotated[int, Field(ge=0, le=1440)] | None = None
    value: Annotated[float, Field(gt=0, le=ABSURD_ABOVE)]
    unit: str | None = None
    phase: Literal["quartz", "cristobalite"] | None = None
    confirmed_by: Annotated[str, Field(min_length=1, max_length=80)]
    confirmed_on: str
    regime: Regime | None = None


class _Uplink(_Frozen):
    """What every way to a central store may say of a link that costs money.

    every_min: routine data is carried this often, not all the time; alarms are carried at once all the same.
    budget_mb_month: what the link may carry in a month [10⁶ bytes]; counted and shown, nothing is held back for it.
    """

    every_min: Minutes | None = None
    budget_mb_month: Annotated[float, Field(gt=0)] | None = None


class Influx(_Uplink):
    """`[influx]`: the central store, optional. `token_file` holds the token.

    retention_days: of the bucket; what is older is not sent, the store would refuse it.
    """

    url: str
    org: str = "bocamina"
    bucket: str = "bocamina"
    token_file: str | None = None
    retention_days: Annotated[int, Field(ge=1)] | None = None


class Central(_Uplink):
    """`[central]`: a central MQTT broker, optional; what it gets stands in `docs/uplinks.md`.

    gzip: payloads are compressed, a thirtieth of the bytes; the consumer must know it.
    """

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    gzip: bool = False


class Sms(_Frozen):
    """`[sms]`: a GSM modem at a serial port, optional; without it nobody is told by `sms:` addresses.

    pin_file holds the SIM card's PIN; a card without one is better (docs/sms.md).
    """

    port: str
    baud: Annotated[int, Field(gt=0)] | None = None
    pin_file: str | None = None


class Site(_Frozen):
    """The whole site file, in the file's order. Sensor indexes everywhere are positions in `sensors`."""

    site: SiteInfo
    mqtt: Mqtt = Mqtt()
    journal: JournalBudget = JournalBudget()
    influx: Influx | None = None
    sms: Sms | None = None
    central: Central | None = None
    zones: tuple[Zone, ...] = ()
    connections: tuple[Connection, ...] = ()
    sources: tuple[Source, ...] = ()
    sensors: tuple[SensorConfig, ...] = ()
    actuators: tuple[Actuator, ...] = ()
    shifts: tuple[Shift, ...] = ()
    blasts: tuple[Blast, ...] = ()
    people: tuple[Person, ...] = ()
    limits: tuple[SiteLimit, ...] = ()
    words: dict[str, str] = {}
