"""Who gets in, what a cookie may do, and what strangers see."""

import json
import stat

import pytest

from api.auth import Tokens, load_secret
from api.guard import PUBLIC
from api.throttle import Throttle
from api.users import UserStore
from gateway.domain.errors import ConfigError, OperationFailed

SECRET = bytes(range(32))


def log_in(client, name, password, where="token"):
    return client.post(f"/api/v1/auth/{where}", data={"username": name, "password": password})


def test_every_route_but_health_and_log_in_is_closed_to_strangers(quiet_web):
    client = quiet_web.client()
    paths = quiet_web.app.openapi()["paths"]
    assert len(paths) > 15
    for path, methods in paths.items():
        for method in methods:
            if (method.upper(), path) in PUBLIC:
                continue
            real = path.replace("{alarm}", "a.b").replace("{protocol}", "evacuation")
            answer = client.request(method, real, content=b"{")
            assert answer.status_code == 401, f"{method} {path}"
            assert answer.headers["content-type"] == "application/problem+json"
    for path in ("/docs", "/openapi.json", "/metrics", "/api/v1/no-such-thing"):
        assert client.get(path).status_code == 401, path


def test_a_bearer_token_opens_and_a_forged_one_does_not(quiet_web, password):
    client = quiet_web.client("ana")
    assert client.get("/api/v1/site").json()["name"] == "Mina 1"
    client.headers["Authorization"] += "x"
    assert client.get("/api/v1/site").status_code == 401
    assert log_in(client, "ana", "not " + password).json()["type"] == "urn:bocamina:wrong-password"


def test_the_cookie_reads_everything_and_commands_only_with_the_header(web, fake_gateway, password, make_alarm, until):
    fake_gateway.raise_alarm(make_alarm())
    until(lambda: web.services.live.all("alarm"), "the alarm")
    client = web.client()
    answer = log_in(client, "ana", password, "session")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/api/v1/alarms").status_code == 200
    with client.stream("GET", "/api/v1/stream") as stream:
        assert stream.status_code == 200
    path = "/api/v1/alarms/co-frente-1.level/acknowledge"
    assert client.post(path).status_code == 403
    assert client.post(path, headers={"X-CSRF-Token": "0" * 64}).status_code == 403
    assert client.post(path, headers={"X-CSRF-Token": answer.json()["csrf"]}).status_code == 200


def test_the_log_in_form_of_another_site_is_refused(quiet_web, password):
    client = quiet_web.client()
    client.headers["Origin"] = "http://evil.example"
    assert log_in(client, "ana", password, "session").status_code == 403


def test_logging_out_ends_the_cookie(quiet_web, password):
    client = quiet_web.client()
    csrf = log_in(client, "ana", password, "session").json()["csrf"]
    assert client.delete("/api/v1/auth/session", headers={"X-CSRF-Token": csrf}).status_code == 204
    assert client.get("/api/v1/site").status_code == 401


def test_a_reviewer_reads_and_may_not_command(web):
    client = web.client("rosa")
    assert client.get("/api/v1/alarms").status_code == 200
    answer = client.post("/api/v1/alarms/co-frente-1.level/acknowledge")
    assert answer.status_code == 403
    assert "reviewer" in answer.json()["detail"]


def test_guessing_gets_slower_and_the_right_password_waits_too(quiet_web, password):
    client = quiet_web.client()
    codes = [log_in(client, "ana", f"guess {n}").status_code for n in range(6)]
    assert codes == [401, 401, 401, 401, 401, 429]
    answer = log_in(client, "ana", password)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_throttle_waits_double_and_end(clock):
    throttle = Throttle(clock)
    for _ in range(5):
        assert throttle.wait_s("x") == 0
        throttle.failed("x")
    assert throttle.wait_s("x") == 10
    clock.now = 10
    throttle.failed("x")
    assert throttle.wait_s("x") == 20
    assert throttle.wait_s("another address") == 0
    throttle.succeeded("x")
    assert throttle.wait_s("x") == 0


def test_the_page_and_its_assets_come_from_here_and_may_run_nothing_else(quiet_web):
    client = quiet_web.client()
    for path in ("/", "/static/app.js", "/static/style.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "//" not in answer.text.replace("http://www.w3.org", "").replace("// ", "").replace("//\n", "")
    assert client.get("/static/../auth.py").status_code in {401, 404}
    etag = client.get("/static/app.js").headers["etag"]
    assert client.get("/static/app.js", headers={"If-None-Match": etag}).status_code == 304


def test_a_huge_request_is_refused(quiet_web):
    client = quiet_web.client("ana")
    assert client.post("/api/v1/presence", content=b" " * 70_000).status_code == 413
    assert client.post("/api/v1/presence", content=(b" " * 1000 for _ in range(70))).status_code == 413


@pytest.fixture
def users(tmp_path):
    return UserStore(tmp_path / "mina" / "users.json")


def test_the_user_file_is_its_owners_alone_and_holds_no_password(users, tmp_path, password):
    users.put("ana", "officer", password)
    path = tmp_path / "mina" / "users.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert password not in path.read_text()
    assert [entry.name for entry in path.parent.iterdir()] == ["users.json"]


def test_a_wrong_user_is_refused_with_every_reason(users):
    with pytest.raises(ConfigError) as refused:
        users.put("Ana María", "miner", "short")
    assert len(refused.value.problems) == 3
    assert "7" not in str(refused.value.problems[2])
    assert "at least 8" in refused.value.problems[2]


def test_a_damaged_user_file_lets_nobody_in(users, tmp_path, password):
    users.put("ana", "officer", password)
    (tmp_path / "mina" / "users.json").write_text("{")
    with pytest.raises(OperationFailed, match=r"users\.json"):
        users.verify("ana", password)


def test_tokens_end_with_time_password_and_user(users, tmp_path, clock, password):
    clock.now = 1_000_000.0
    user = users.put("ana", "officer", password)
    tokens = Tokens(SECRET, "mina-1", users, clock)
    token = tokens.issue(user).token
    assert tokens.read(token).user.name == "ana"
    assert Tokens(SECRET, "mina-2", users, clock).read(token) is None
    assert Tokens(SECRET[::-1], "mina-1", users, clock).read(token) is None
    clock.now += 12 * 3600
    assert tokens.read(token) is None, "a shift is over"
    clock.now = 0.0
    assert tokens.read(token) is None, "a token from a clock that was years ahead does not live for years"
    clock.now = 1_000_000.0
    users.put("ana", "reviewer", "another password")
    assert tokens.read(token) is None, "the password was changed"
    token = tokens.issue(users.get("ana")).token
    (tmp_path / "mina" / "users.json").write_text(json.dumps({"users": {}}))
    assert tokens.read(token) is None, "the user was removed"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ey..", "é" * 40])
def test_no_token_is_too_strange(users, token):
    assert Tokens(SECRET, "mina-1", users).read(token) is None


def test_the_signing_key_is_made_once(tmp_path):
    first = load_secret(tmp_path / "new" / "web-key")
    assert load_secret(tmp_path / "new" / "web-key") == first
    assert stat.S_IMODE((tmp_path / "new" / "web-key").stat().st_mode) == 0o600
    (tmp_path / "new" / "web-key").write_bytes(b"")
    with pytest.raises(OperationFailed, match="0 bytes"):
        load_secret(tmp_path / "new" / "web-key")
