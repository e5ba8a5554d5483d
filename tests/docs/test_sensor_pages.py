"""Every device that we speak has its page, the index knows all pages, and the entries to copy are right."""

import re
import tomllib
from pathlib import Path

import pytest

from gateway.domain.quantities import QUANTITIES
from gateway.domain.site import SensorConfig, Source
from gateway.drivers.modbus_catalogue import register_map, register_maps
from gateway.drivers.table import DRIVERS
from gateway.formats.table import FORMATS

SENSORS = Path(__file__).parents[2] / "docs" / "sensors"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted(SENSORS.glob("*.md"))}
DEVICES = sorted(set(PAGES) - {"README.md"})
LINK = re.compile(r"\]\(([^)#]+\.md)(?:#[^)]*)?\)")
ENTRY = re.compile(r"```toml\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_has_a_page_with_wiring_entry_meaning_and_cautions(driver: str) -> None:
    pages = [text for text in PAGES.values() if f"`{driver}`" in text or f'driver = "{driver}"' in text]
    assert any(
        all(f"\n## {part}\n" in text for part in ("Wiring", "Site entry", "Meaning", "Cautions")) for text in pages
    ), driver


@pytest.mark.parametrize("name", register_maps())
def test_every_register_map_stands_on_the_modbus_page(name: str) -> None:
    assert f"`{name}`" in PAGES["modbus.md"]


def test_every_format_stands_on_the_page_of_mqtt_formats() -> None:
    text = (SENSORS.parent / "mqtt-formats.md").read_text(encoding="utf-8") + PAGES["bocamina-node.md"]
    assert [name for name in FORMATS if f"`{name}`" not in text and f'"{name}"' not in text] == []


def test_the_index_names_every_page_and_every_link_leads_somewhere() -> None:
    assert set(DEVICES) <= set(LINK.findall(PAGES["README.md"]))
    broken = [(name, link) for name, text in PAGES.items() for link in LINK.findall(text)
              if not (SENSORS / link).is_file()]  # fmt: skip
    assert broken == []


@pytest.mark.parametrize("page", [*DEVICES, "../mqtt-formats.md"])
def test_the_entries_to_copy_name_what_exists(page: str) -> None:
    for block in ENTRY.findall((SENSORS / page).read_text(encoding="utf-8")):
        if "[[sources]]" not in block and "[[sensors]]" not in block:
            continue
        body = tomllib.loads(block)
        sources = {row["id"]: Source.model_validate(row) for row in body.get("sources", ())}
        for source in sources.values():
            assert source.driver is None or source.driver in DRIVERS
            assert source.format is None or source.format in FORMATS
            assert source.map is None or register_map(source.map)
        for row in body.get("sensors", ()):
            sensor = SensorConfig.model_validate(row)
            assert sensor.quantity in QUANTITIES
            assert not sources or sensor.source in sources
