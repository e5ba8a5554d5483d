"""Results of whole shifts as the web shows them: the newest one, and that it was corrected."""

import pytest

from gateway.domain.history import Page, ShiftResult

LIMIT = {
    "regime": "peru", "kind": "TWA", "method": "e8", "value": 36.0, "low": 35.0, "high": 36.0, "limit": 25.0,
    "fraction": 1.44, "coverage": 0.99, "verdict": "exceeded", "reason": None,
}  # fmt: skip
DOCUMENT = {
    "sensor": "co-frente-1", "zone": "frente-1", "quantity": "co", "unit": "ppm", "shift": "2026-11-23/dia",
    "start": "2026-11-23T12:00:00.000Z", "end": "2026-11-23T20:00:00.000Z", "result_method": "area_estimate",
    "mean": 35.0, "covered_s": 28_500.0, "coverage": 0.99, "limits": [LIMIT, {**LIMIT, "regime": "osha"}],
    "corrected": True, "supersedes": "2026-11-23T20:00:01.000Z",
}  # fmt: skip


class Record:
    """A history of one corrected shift."""

    asked = None

    def sensors(self):
        return frozenset({"co-frente-1"})

    def shift_results(self, *asked):
        self.asked = asked
        return Page([ShiftResult(1_000_000, "co-frente-1", "2026-11-23/dia", True, DOCUMENT)], "1")


@pytest.fixture
def history():
    return Record()


def test_a_corrected_shift_says_so_and_names_what_it_supersedes(web, history):
    client = web.client("rosa")
    page = client.get(
        "/api/v1/exposures", params={"shifts": True, "sensor": "co-frente-1", "start": "1970-01-01T00:00:00Z"}
    ).json()
    assert history.asked[:3] == (frozenset({"co-frente-1"}), 0, None) or history.asked[1:3] == (0, None)
    first = page["items"][0]
    assert (first["corrected"], first["supersedes"]) == (True, "2026-11-23T20:00:01.000Z")
    assert (first["shift"], first["verdict"], first["result_method"]) == ("2026-11-23/dia", "exceeded", "area_estimate")
    assert first["time"] == "1970-01-01T00:00:01.000Z"
    assert page["next"] == "1"
    of_osha = client.get("/api/v1/exposures", params={"shifts": True, "regime": "osha"}).json()["items"]
    assert [item["regime"] for item in of_osha] == ["osha"]


def test_results_of_whole_shifts_are_of_sensors(web):
    answer = web.client("rosa").get("/api/v1/exposures", params={"shifts": True, "person": "tag-1"})
    assert answer.status_code == 422
    assert "without a person" in answer.text
