"""`bocamina convert`: a measured concentration in another unit, at the air's own temperature and pressure."""

import json
from typing import Annotated

import typer

from gateway.domain.errors import ConfigError


def convert(
    value: Annotated[float, typer.Argument(help="What was measured.")],
    unit: Annotated[str, typer.Option("--from", help="ppm, ppb, %vol, mg/m3 or ug/m3.")],
    to: Annotated[str, typer.Option("--to", help="The unit wanted.")],
    substance: Annotated[str, typer.Option(help="co, no2, hg …")],
    temperature: Annotated[float, typer.Option(help="Of the air [degC].")] = 25.0,
    pressure: Annotated[float | None, typer.Option(help="Of the air [hPa]; 1013.25 without this.")] = None,
    altitude: Annotated[float | None, typer.Option(help="[m], in place of a pressure (West's model).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Convert a measurement between ppm, mg/m3 and %vol (limits have their own, fixed conditions)."""
    from gateway.exposure.conversion import (
        canonical_unit_name,
        check_substance,
        measurement_factor,
        molar_volume_l,
        standard_or_given_pressure_hpa,
    )  # fmt: skip

    if not abs(value) <= 1e12:
        raise ConfigError(f"VALUE {value:g}: expected a finite number")
    quantity = check_substance(substance)
    hpa = standard_or_given_pressure_hpa(pressure, altitude)
    volume = molar_volume_l(temperature, hpa)
    result = value * measurement_factor(quantity, unit, to, volume)
    if as_json:
        print(json.dumps({
            "value": result, "unit": canonical_unit_name(to), "temperature_c": temperature, "pressure_hpa": hpa,
            "molar_volume_l": volume,
        }))  # fmt: skip
    else:
        print(f"{result:.6g} {canonical_unit_name(to)}  ({temperature:g} degC, {hpa:.2f} hPa, {volume:.4g} L/mol)")
