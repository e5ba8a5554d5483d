"""`GET readings?step=`: means over steps of time, from a real journal with a sealed day."""

import csv
import io
import math

import pytest

from gateway.domain.moment import Moment
from gateway.stores.embedded_history import EmbeddedHistory
from gateway.stores.journal import Journal
from gateway.stores.packing import Outcome, Step
from gateway.stores.rows import Kind, document_row, steps_row
from gateway.stores.sealing import seal

S = 1_000_000
DAY = 86_400 * S
T0 = 20_600 * DAY + 10 * 3600 * S


@pytest.fixture(params=["journal", "sealed"])
def history(tmp_path, request):
    path = tmp_path / "h" / "journal.db"
    with Journal.open(path) as journal:
        sensors = [("co-frente-1", "co", "frente-1", "ppm")]
        document = {"site_hash": "h", "sensors": sensors, "holds_s": [30.0]}
        journal.append([document_row(Kind.SITE, Moment(0, 0), document)])
        made = [Outcome(0, 0, 0, 0, T0 + i * 10 * S, float(i), float(i)) for i in range(12)]
        made.append(Outcome(0, 2, 6, 0, T0 + 120 * S, math.nan, math.nan))
        journal.append([steps_row("h", [Step(Moment(0, 0), [], made)])])
        if request.param == "sealed":
            assert seal(path, "x", T0 + 3 * DAY).readings == 13
    return EmbeddedHistory(path)


def test_a_step_is_a_reading_with_what_else_is_known(quiet_web):
    ask = {"step": "1min", "sensor": "co-frente-1"}
    first, second, third = quiet_web.client("rosa").get("/api/v1/readings", params=ask).json()["items"]
    assert first == {
        "time": "2026-05-27T10:00:00.000Z", "sensor": "co-frente-1", "value": 2.5, "unit": "ppm", "quality": "good",
        "reason": None, "low": 0.0, "high": 5.0, "coverage": 1.0, "good": 6, "uncertain": 0, "bad": 0, "late": 0,
    }  # fmt: skip
    assert (second["value"], second["coverage"]) == (8.5, 1.0)
    assert (third["value"], third["quality"], third["coverage"], third["bad"]) == (None, "bad", 0.0, 1)


def test_steps_in_pages_and_as_files(quiet_web):
    client = quiet_web.client("rosa")
    page = client.get("/api/v1/readings", params={"step": "60", "limit": 2}).json()
    rest = client.get("/api/v1/readings", params={"step": "60", "cursor": page["next"]}).json()
    assert (len(page["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    rows = list(csv.DictReader(io.StringIO(client.get("/api/v1/readings?step=1h&format=csv").text)))
    assert [(row["value"], row["coverage"]) for row in rows] == [("5.5", str(120 / 3600))]
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    for form in ("arrow", "parquet"):
        data = client.get(f"/api/v1/readings?step=60s&format={form}").content
        read = pyarrow.parquet.read_table if form == "parquet" else lambda file: pa.ipc.open_stream(file).read_all()
        assert read(io.BytesIO(data))["value"].to_pylist() == [2.5, 8.5, None]
