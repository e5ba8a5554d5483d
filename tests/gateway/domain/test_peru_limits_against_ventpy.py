"""Peru's gas rows against an independent transcription: the numbers of VentPy 0.2.1, not its citations.

VentPy (MIT, x86 wheels only) is no dependency: install it with `pip install ventpy==0.2.1` to run this.
"""

import importlib.metadata

import pytest

from gateway.domain.limits import limits_for

try:
    import ventpy
except ImportError:
    pytest.skip("ventpy is not installed: Peru's gas rows are not compared with it", allow_module_level=True)

KINDS = {"twa_8h": "TWA", "stel": "STEL", "ceiling": "CEILING", "floor_min": "MIN"}
PPM_PER_PERCENT = 10_000


def theirs() -> dict[tuple[str, str], float]:
    """Their rows by our identifiers, in our units; a ceiling of oxygen is its maximum."""
    rows = {}
    for row in ventpy.gas_limits(ventpy.RegulatoryStandard.DS024_Peru):
        quantity = row.gas.name.lower()
        in_ppm = row.unit == ventpy.ConcentrationUnit.PPM
        for name, kind in KINDS.items():
            if (value := getattr(row, name)) is not None:
                scale = PPM_PER_PERCENT if in_ppm and quantity == "ch4" else 1
                rows[quantity, "MAX" if (quantity, kind) == ("o2", "CEILING") else kind] = value / scale
    return rows


def test_the_numbers_are_the_same() -> None:
    assert importlib.metadata.version("ventpy") == "0.2.1"
    found = theirs()
    ours = {
        (quantity, limit.kind): limit.value
        for quantity in {quantity for quantity, _ in found}
        for limit in limits_for(quantity, ["peru"])
        if limit.table.startswith("PE_")
    }
    assert len(found) == 13
    assert found == pytest.approx(ours)
