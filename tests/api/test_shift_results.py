"""Results of whole shifts as the web shows them: the newest one, and that it was corrected."""

import pytest

from gateway.domain.history import Page, PersonFigures, ShiftResult

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

OF_A_PERSON = {
    "person": "tag-1", "inside": False, "shift": "2026-11-23/dia", "shift_over": True, "late": False,
    "start": DOCUMENT["start"], "end": DOCUMENT["end"], "corrected": True, "supersedes": DOCUMENT["supersedes"],
    "limits": [{**LIMIT, "quantity": "co"}, {**LIMIT, "quantity": "co", "regime": "osha"}],
}  # fmt: skip


class Record:
    """A history of one corrected shift."""

    asked = None

    def sensors(self):
        return frozenset({"co-frente-1"})

    def shift_results(self, *asked):
        self.asked = asked
        return Page([ShiftResult(1_000_000, "co-frente-1", "2026-11-23/dia", True, DOCUMENT)], "1")

    def person_shifts(self, *asked):
        self.asked = asked
        return Page([PersonFigures(1_000_000, "tag-1", OF_A_PERSON)], None)

    def person_now(self, _person):
        return PersonFigures(1_000_000, "tag-1", OF_A_PERSON)


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


def test_a_persons_shifts_say_what_was_corrected_and_never_where(web, history):
    answer = web.client("rosa").get("/api/v1/exposures", params={"shifts": True, "person": "tag-1"}).json()
    first, second = answer["items"]
    assert history.asked == ("tag-1", None, None, 1000, None)
    assert (first["person"], first["sensor"], first["zone"], first["verdict"]) == ("tag-1", None, None, "exceeded")
    assert (first["corrected"], first["supersedes"], first["late"]) == (True, "2026-11-23T20:00:01.000Z", False)
    assert (second["regime"], answer["next"]) == ("osha", None)


def test_a_persons_shift_that_was_corrected_says_so_also_as_the_newest_figures(web):
    first = web.client("rosa").get("/api/v1/exposures", params={"person": "tag-1"}).json()["items"][0]
    assert (first["corrected"], first["supersedes"]) == (True, "2026-11-23T20:00:01.000Z")
