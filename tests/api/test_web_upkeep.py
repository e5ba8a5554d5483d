"""Maintenance, sensors out of service and the watch, over the web: the gateway decides, the web carries."""

import pytest

STUCK = "co-frente-1.stuck"


@pytest.fixture
def stuck(web, fake_gateway, make_alarm, until):
    fake_gateway.raise_alarm(make_alarm() | {"alarm": STUCK, "condition": "stuck", "priority": "notice"})
    until(lambda: web.services.live.all("alarm"), "the alarm is known")
    return web


def test_an_alarm_goes_out_of_service_and_back(stuck, fake_gateway):
    client = stuck.client("ana")
    assert client.post(f"/api/v1/alarms/{STUCK}/out_of_service", json={"comment": "x"}).status_code == 422
    out = client.post(f"/api/v1/alarms/{STUCK}/out_of_service", json={"minutes": 30, "comment": "celda"})
    assert (out.status_code, out.json()["state"]) == (200, "out_of_service")
    assert fake_gateway.requests[-1]["args"] == {"minutes": 30, "comment": "celda"}
    assert client.post(f"/api/v1/alarms/{STUCK}/in_service").json()["state"] == "acked"


@pytest.mark.parametrize(
    ("route", "body", "action", "target", "args"),
    [
        ("sensors/co-frente-1/out_of_service", {"minutes": 60, "comment": "celda"}, "out_of_service", "co-frente-1",
         {"minutes": 60, "comment": "celda"}),
        ("sensors/co-frente-1/in_service", None, "in_service", "co-frente-1", {}),
        ("maintenance/co-frente-1", {"what": "bump_test", "passed": True, "gas": "CO 50 ppm"}, "maintenance",
         "co-frente-1", {"what": "bump_test", "passed": True, "gas": "CO 50 ppm", "comment": ""}),
        ("handover", {"to": "Eva", "comment": "sin novedad"}, "handover", "Eva", {"comment": "sin novedad"}),
    ],
)  # fmt: skip
def test_it_names_its_person(web, fake_gateway, route, body, action, target, args):
    answer = web.client("ana").post(f"/api/v1/{route}", json=body)
    assert answer.status_code == 200
    request = fake_gateway.requests[-1]
    assert (request["action"], request["target"], request["by"], request["role"]) == (action, target, "ana", "officer")
    assert request["args"] == args


def test_a_wrong_body_is_told_before_anybody_is_asked(web, fake_gateway):
    client = web.client("ana")
    asked = len(fake_gateway.requests)
    assert client.post("/api/v1/maintenance/co-frente-1", json={"what": "dusting", "passed": True}).status_code == 422
    assert client.post("/api/v1/maintenance/co-frente-1", json={"what": "bump_test"}).status_code == 422
    assert client.post("/api/v1/sensors/CO/in_service").status_code == 422
    assert client.post("/api/v1/handover", json={}).status_code == 422
    assert len(fake_gateway.requests) == asked
