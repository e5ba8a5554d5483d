"""What is shown: the site file with the present, the record in pages, the stream, the metrics."""

import json

import pytest

from gateway.domain.history import AlarmChange, Page, PersonFigures, Reading, Verdict
from gateway.domain.quality import Quality, Reason

LIMIT = {
    "regime": "peru", "kind": "TWA", "value": 12.0, "low": 10.0, "high": 30.0, "limit": 25.0, "fraction": 0.48,
    "coverage": 0.8, "verdict": "indeterminate", "time_to_limit_s": 600,
}  # fmt: skip


class Record:
    """A history of three readings in two pages."""

    rows = [Reading(us, "co-frente-1", 1.5, "ppm", Quality.GOOD, Reason.NONE, 1.5) for us in (0, 1_000_000)] + [
        Reading(None, "o2-frente-1", None, "%vol", Quality.BAD, Reason.STALE, None)
    ]

    def sensors(self):
        return frozenset({"co-frente-1", "removed-long-ago"})

    def readings(self, sensors=None, start_us=None, end_us=None, limit=1000, cursor=None):
        self.asked = (sensors, start_us, end_us)
        rows = [row for row in self.rows if sensors is None or row.sensor in sensors]
        at = int(cursor or 0)
        size = min(limit, 2)
        return Page(rows[at : at + size], str(at + size) if at + size < len(rows) else None)

    def exposures(self, *_):
        figures = ("peru", "TWA", "e8", 25.0, 30.0, 26.0, None, 0.9, "exceeded")
        return Page([Verdict(1_000_000, "co-frente-1", "frente-1", "co", *figures)], None)

    def person_exposures(self, person, *_):
        figures = ("peru", "TWA", "e8", 25.0, 30.0, 26.0, None, 0.9, "exceeded", person)
        return Page([Verdict(2_000_000, None, None, "co", *figures)], None)

    def person_now(self, person):
        shared = {"inside": True, "shift": "1970-01-01/day", "shift_over": False, "late": False}
        limits = [{**LIMIT, "quantity": "co", "dose_percent": 40.0}, {**LIMIT, "quantity": "no2", "regime": "eu"}]
        return PersonFigures(3_000_000, person, {**shared, "limits": limits}) if person == "tag-1" else None

    def alarms(self, *_):
        change = (1, "unack", "acked", "high", "level", "frente-1", "co-frente-1", 240.0, 200.0, "ana", "voy", None)
        return Page([AlarmChange(1_000_000, "co-frente-1.level", *change, {"priority": "high"})], None)


@pytest.fixture
def history():
    return Record()


def test_sensors_are_the_site_files_keys_with_the_newest_value_and_limits(web, fake_gateway, until):
    fake_gateway.read("co-frente-1", 12.0, limits=[LIMIT])
    client = web.client("rosa")
    until(lambda: web.services.live.all("exposure"), "the exposure is known")
    first, second, _ = client.get("/api/v1/sensors").json()["items"]
    assert first["channel"] == "n7/co"
    assert (first["value"], first["unit"], first["quality"], first["stale"]) == (12.0, "ppm", "good", False)
    assert first["limits"] == [LIMIT]
    assert (second["value"], second["stale"], second["time"]) == (None, True, None)
    standing = client.get("/api/v1/exposures", params={"zone": "frente-1", "regime": "peru"}).json()["items"]
    assert [(item["sensor"], item["verdict"]) for item in standing] == [("co-frente-1", "indeterminate")]
    assert client.get("/api/v1/exposures", params={"regime": "osha"}).json()["items"] == []


def test_the_site_tells_no_telephone_numbers(web):
    site = web.client("rosa").get("/api/v1/site")
    assert site.json()["people"] == [{"id": "ana", "name": "Ana", "role": "officer"}]
    assert "51999" not in site.text


def test_zones_that_nobody_spoke_of_are_unknown_and_not_protected(web, fake_gateway, until):
    client = web.client("rosa")
    assert {(zone["occupancy"], zone["protected"]) for zone in client.get("/api/v1/zones").json()["items"]} == {
        ("unknown", False)
    }
    fake_gateway.say("zone/frente-1", {"occupancy": "occupied", "people": 4, "protected": True, "access": "open"})
    until(lambda: client.get("/api/v1/zones").json()["items"][1]["people"] == 4, "the zone is known")


def test_fans_with_their_command_and_state(web, fake_gateway, until):
    fake_gateway.say("command/fan-1", {"id": "fan-1-1", "setpoint": 100}, retain=False)
    fake_gateway.say("actuator/fan-1/state", {"setpoint": 100, "running": True, "speed_rpm": 2900})
    until(lambda: web.services.live.all("actuator"), "the fan is known")
    fan = web.client("rosa").get("/api/v1/actuators").json()["items"][0]
    assert (fan["command"]["setpoint"], fan["state"]["running"], fan["mode"]) == (100, True, "blowing")


def test_limits_come_with_their_sources(web):
    items = web.client("rosa").get("/api/v1/limits", params={"substance": "co", "regime": "peru"}).json()["items"]
    assert items
    assert all(item["source"] and item["unit"] == "ppm" for item in items)
    assert {(item["substance"], item["name"]) for item in items} == {("co", "Carbon monoxide")}, "as `limits --json`"


def test_readings_in_pages(web, history):
    client = web.client("rosa")
    interval = {"start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:01:00-05:00"}
    page = client.get("/api/v1/readings", params=interval).json()
    assert page["items"][0] == {
        "time": "1970-01-01T00:00:00.000Z", "sensor": "co-frente-1", "value": 1.5, "unit": "ppm", "quality": "good",
        "reason": None,
    }  # fmt: skip
    assert history.asked == (None, 0, 5 * 3600 * 1_000_000 + 60_000_000)
    rest = client.get("/api/v1/readings", params={"cursor": page["next"]}).json()
    last = {"time": None, "sensor": "o2-frente-1", "value": None, "unit": "%vol", "quality": "bad", "reason": "stale"}
    assert rest == {"items": [last], "next": None}


def test_a_sensor_that_the_site_file_no_longer_has_can_still_be_asked_for(web):
    client = web.client("rosa")
    assert client.get("/api/v1/readings", params={"sensor": "removed-long-ago"}).json() == {"items": [], "next": None}


def test_readings_as_csv_bring_every_page(web):
    answer = web.client("rosa").get("/api/v1/readings", params={"format": "csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines() == [
        "time,sensor,value,unit,quality,reason",
        "1970-01-01T00:00:00.000Z,co-frente-1,1.5,ppm,good,",
        "1970-01-01T00:00:01.000Z,co-frente-1,1.5,ppm,good,",
        ",o2-frente-1,,%vol,bad,stale",
    ]


@pytest.mark.parametrize("kind", ["arrow", "parquet"])
def test_readings_as_columns_bring_every_page(web, kind):
    pa = pytest.importorskip("pyarrow")
    answer = web.client("rosa").get("/api/v1/readings", params={"format": kind})
    assert answer.headers["content-type"].startswith("application/vnd.apache.")
    if kind == "arrow":
        table = pa.ipc.open_stream(answer.content).read_all()
    else:
        table = pytest.importorskip("pyarrow.parquet").read_table(pa.BufferReader(answer.content))
    assert table.column_names == ["time", "sensor", "value", "unit", "quality", "reason"]
    assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"
    assert table.column("value").to_pylist() == [1.5, 1.5, None]
    assert table.column("reason").to_pylist() == [None, None, "stale"]


@pytest.mark.parametrize(("query", "status", "field"), [
    ("start=yesterday", 422, "start"), ("start=2026-01-01T00:00:00", 422, "start"), ("limit=0", 422, "limit"),
    ("start=2026-01-02T00:00:00Z&end=2026-01-01T00:00:00Z", 422, "end"), ("sensor=nobody", 422, "sensor"),
    ("format=xml", 422, "format"), ("step=7", 422, "step"), ("step=soon", 422, "step"), ("step=2d", 422, "step"),
])  # fmt: skip
def test_a_wrong_question_gets_one_sentence_that_names_the_field(web, query, status, field):
    answer = web.client("rosa").get(f"/api/v1/readings?{query}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(field)
    assert answer.json()["status"] == status


def test_alarms_active_and_on_record(web, fake_gateway, make_alarm, until):
    fake_gateway.raise_alarm(make_alarm(priority="warning", alarm="o2-frente-1.oxygen_low"))
    fake_gateway.raise_alarm(make_alarm())
    client = web.client("rosa")
    until(lambda: len(client.get("/api/v1/alarms").json()["items"]) == 2, "both alarms")
    assert [item["priority"] for item in client.get("/api/v1/alarms").json()["items"]] == ["high", "warning"]
    assert client.get("/api/v1/alarms").json()["items"][0] == make_alarm()
    (row,) = client.get("/api/v1/alarms?state=all").json()["items"]
    assert (row["old"], row["state"], row["by"], row["time"]) == ("unack", "acked", "ana", "1970-01-01T00:00:01.000Z")
    assert set(row) >= set(make_alarm()) - {"title_es", "title_en", "response_es", "response_en"}
    assert (row["condition"], row["value"], row["priority"]) == ("level", 240.0, "high")


def test_a_persons_figures_follow_the_person(web):
    client = web.client("rosa")
    ask = {"person": "tag-1", "substance": "co"}
    (item,) = client.get("/api/v1/exposures", params=ask).json()["items"]
    assert (item["person"], item["inside"], item["sensor"], item["dose_percent"]) == ("tag-1", True, None, 40.0)
    assert (item["time"], item["verdict"]) == ("1970-01-01T00:00:03.000Z", "indeterminate")
    assert client.get("/api/v1/exposures", params={"person": "nobody"}).json() == {"items": [], "next": None}
    past = client.get("/api/v1/exposures", params=ask | {"start": "1970-01-01T00:00:00Z"}).json()["items"]
    assert [(row["person"], row["sensor"], row["verdict"]) for row in past] == [("tag-1", None, "exceeded")]
    assert client.get("/api/v1/exposures", params=ask | {"sensor": "co-frente-1"}).status_code == 422


def test_changes_of_verdict_on_record(web):
    (row,) = web.client("rosa").get("/api/v1/exposures?start=1970-01-01T00:00:00Z").json()["items"]
    assert (row["verdict"], row["high"], row["time"]) == ("exceeded", None, "1970-01-01T00:00:01.000Z")


def events(stream):
    """(name, document) as they come."""
    name = None
    for line in stream.iter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


def test_the_stream_brings_a_sign_of_life_and_then_what_happens(web, fake_gateway, make_alarm, until):
    client = web.client("rosa")
    with client.stream("GET", "/api/v1/stream?pace_s=0.1") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        coming = events(stream)
        name, health = next(coming)
        assert (name, health["status"]) == ("health", "ok")
        until(lambda: web.services.live.streams == 1, "the stream is fed")
        fake_gateway.raise_alarm(make_alarm())
        fake_gateway.read("co-frente-1", 12.0)
        fake_gateway.say("protocol/reentry", {"protocol": "reentry", "state": "ready"})
        seen = {}
        while not {"alarm", "reading", "protocol"} <= set(seen):
            name, document = next(coming)
            seen[name] = document
    assert seen["alarm"]["alarm"] == "co-frente-1.level"
    assert (seen["reading"]["sensor"], seen["reading"]["value"]) == ("co-frente-1", 12.0)
    until(lambda: web.services.live.streams == 0, "a closed stream is no longer fed")


def test_a_stream_ends_with_its_log_in(web, monkeypatch):
    monkeypatch.setattr("api.routes.stream.HEALTH_EVERY_S", 0.1)
    client = web.client("rosa")
    with client.stream("GET", "/api/v1/stream") as stream:
        coming = events(stream)
        next(coming)
        web.services.users.put("rosa", "reviewer", "a new password")
        for _ in coming:
            pass


def test_an_unknown_event_is_refused(web):
    assert web.client("rosa").get("/api/v1/stream?kinds=alarm,gossip").status_code == 422


def test_metrics_never_repeat_a_value_that_is_old_or_bad(web, fake_gateway, until):
    fake_gateway.read("co-frente-1", 12.0)
    fake_gateway.read("no2-frente-1", 3.0, "bad")
    until(lambda: len(web.services.live.all("reading")) == 2, "both readings")
    text = web.client("rosa").get("/metrics").text
    assert 'bocamina_value{sensor="co-frente-1",zone="frente-1",quantity="co",unit="ppm"} 12.0' in text
    assert "no2-frente-1" not in text
    assert "bocamina_health 1.0" in text
    assert "bocamina_sensors_stale 1.0" in text
    assert "bocamina_journal_backlog 3.0" in text


def test_the_documentation_is_of_this_host_and_names_every_route(web):
    text = web.client("rosa").get("/docs").text
    assert "POST /api/v1/alarms/{alarm}/acknowledge" in text
    assert "<script" not in text


def test_errors_are_problem_documents(web):
    client = web.client("rosa")
    for method, path, status in (("GET", "/api/v1/nothing", 404), ("PUT", "/api/v1/site", 405)):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert path in answer.json()["detail"]
