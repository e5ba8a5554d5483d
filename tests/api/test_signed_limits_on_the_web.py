"""The limits that the web process lists carry the mine's signatures."""

from types import SimpleNamespace

from api.routes.mine import read_limits
from gateway.domain.site import Site


def test_signatures_and_the_mines_own_limits_are_listed() -> None:
    site = Site.model_validate({
        "site": {"id": "mina", "name": "Mina"},
        "people": [{"id": "ana", "name": "Ana Quispe", "role": "officer"}],
        "limits": [
            {"quantity": "co", "kind": "TWA", "value": value, "confirmed_by": "ana", "confirmed_on": "2026-11-01"}
            for value in (25.0, 20.0)
        ],
    })  # fmt: skip
    services = SimpleNamespace(site=site)
    items = read_limits(services, "co").model_dump(mode="json")["items"]  # type: ignore[arg-type]
    signed = [item for item in items if item["confirmed_by"]]
    assert [(item["regime"], item["value"]) for item in signed] == [("peru", 25.0), ("site", 20.0)]
    assert all((item["confirmed_by"], item["confirmed_on"]) == ("Ana Quispe", "2026-11-01") for item in signed)
    assert all(item["confirmed"] for item in signed)
