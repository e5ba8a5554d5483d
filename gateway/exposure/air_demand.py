"""How much fresh air a mine owes its people and engines: Art. 247 and Anexo 38 of DS 024-2016-EM [m³/min].

The law prints 4, 5 and 6 m³/min, which are not its own 40, 70 and 100 % more than 3: both are given, the legal figure
judges. Source: limits reference 3.2, 3.3 (S02, S03).
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from gateway.domain.errors import ConfigError

BASE_PER_PERSON: Final = 3.0
"""Art. 247, up to 1,500 m [m³/min]."""
PER_HORSEPOWER: Final = 3.0
"""Anexo 38, for each effective HP of combustion engines [m³/min]."""
LEAKAGE: Final = 0.15
"""Anexo 38, QFu as a share of the demand [M]."""
HOT_FROM_C: Final = 24.0
"""Anexo 38, dry bulb from which QTe counts [degC]."""
HOT_TO_C: Final = 29.0
"""Anexo 38, dry bulb where its table ends [degC]."""
HOT_VELOCITY: Final = 30.0
"""Anexo 38, in between [m/min]."""
BLAST_VELOCITY: Final[Mapping[bool, float]] = {False: 20.0, True: 25.0}
"""Art. 248 [m/min], by whether ANFO or another blasting agent is used."""
_TIMBER: Final = ((20.0, 0.0), (40.0, 0.60), (70.0, 1.00), (100.0, 1.25))
"""Anexo 38: m³/min for each wet tonne, below 20 %, up to 40, up to 70 and up to 100 % of timber."""


class PerPerson(NamedTuple):
    """Air for one person [m³/min]. legal: as printed. internal: 3 × (1 + %), a design target where it is more."""

    legal: float
    internal: float


class Engine(NamedTuple):
    """A combustion engine. effective_hp: derated for the altitude. availability, utilisation: 0 to 1."""

    effective_hp: float
    availability: float = 1.0
    utilisation: float = 1.0


class Heat(NamedTuple):
    """Work places in the heat. temperature_c: dry bulb. area_m2: mean section. places: above 23 °C."""

    temperature_c: float
    area_m2: float
    places: int = 1


class Blasting(NamedTuple):
    """Blasted places where no diesel runs. area_m2: mean section. places: levels blasted. anfo: or another agent."""

    area_m2: float
    places: int = 1
    anfo: bool = False


class Demand(NamedTuple):
    """The demand and its parts [m³/min], by the symbols of Anexo 38; q_to is the total."""

    q_tr: float
    q_ma: float
    q_te: float
    q_eq: float
    q_ex: float
    q_t1: float
    q_fu: float
    q_to: float


def air_per_person(altitude_m: float) -> PerPerson:
    """Art. 247. 1,500 m still counts as low, 4,000 m not yet as high, 3,000 m as the higher of its two bands."""
    if not -500.0 <= altitude_m <= 9000.0:
        raise ConfigError(f"altitude {altitude_m:g} m: expected -500 to 9000")
    if altitude_m <= 1500.0:
        return PerPerson(BASE_PER_PERSON, BASE_PER_PERSON)
    if altitude_m < 3000.0:
        return PerPerson(4.0, BASE_PER_PERSON * 1.40)
    if altitude_m <= 4000.0:
        return PerPerson(5.0, BASE_PER_PERSON * 1.70)
    return PerPerson(6.0, BASE_PER_PERSON * 2.00)


def timber_factor(timber_percent: float) -> float:
    """Air for each wet tonne of a shift [m³/(min·t)]; between 40 and 41 %, which has no class, the higher one."""
    if not 0.0 <= timber_percent <= 100.0:
        raise ConfigError(f"timber {timber_percent:g} %: expected 0 to 100")
    if timber_percent < _TIMBER[0][0]:
        return _TIMBER[0][1]
    return next(factor for up_to, factor in _TIMBER[1:] if timber_percent <= up_to)


def air_demand(
    altitude_m: float, workers: int, *, engines: Sequence[Engine] = (), heat: Sequence[Heat] = (),
    tonnes: float = 0.0, timber_percent: float = 0.0, blasting: Blasting | None = None,
) -> Demand:  # fmt: skip
    """QTo of Anexo 38. workers: of the largest shift. tonnes: wet, of a shift. blasting: only where no engine runs.

    Raises ConfigError for impossible figures and for a dry bulb above 29 °C, where the table ends: it is not
    extrapolated.
    """
    if workers < 0 or tonnes < 0.0:
        raise ConfigError(f"workers {workers} and tonnes {tonnes:g}: expected 0 or more")
    if blasting is not None and engines:
        raise ConfigError("blasting: QEx counts only where no combustion engine is used; expected one of the two")
    q_tr = air_per_person(altitude_m).legal * workers
    q_ma = tonnes * timber_factor(timber_percent)
    q_te = sum(_heat(place) for place in heat)
    q_eq = sum(_engine(engine) for engine in engines)
    q_ex = blasting.area_m2 * blasting.places * BLAST_VELOCITY[blasting.anfo] if blasting else 0.0
    q_t1 = q_tr + q_ma + q_te + q_eq + q_ex
    q_fu = LEAKAGE * q_t1
    return Demand(q_tr, q_ma, q_te, q_eq, q_ex, q_t1, q_fu, q_t1 + q_fu)


def coverage_percent(measured: float, demand: Demand) -> float:
    """What of the demand is met [%]; the law expects 100 or more. measured: [m³/min], mean velocity × section."""
    if demand.q_to <= 0.0:
        raise ConfigError("air demand 0: expected people, engines or another demand to compare with")
    return 100.0 * measured / demand.q_to


def _engine(engine: Engine) -> float:
    if engine.effective_hp < 0.0 or not (0.0 <= engine.availability <= 1.0 and 0.0 <= engine.utilisation <= 1.0):
        raise ConfigError(f"{engine}: expected HP of 0 or more, and fractions from 0 to 1")
    return PER_HORSEPOWER * engine.effective_hp * engine.availability * engine.utilisation


def _heat(place: Heat) -> float:
    if place.temperature_c > HOT_TO_C:
        raise ConfigError(f"temperature {place.temperature_c:g} degC: Anexo 38 ends at 29 degC, expected at most that")
    return HOT_VELOCITY * place.area_m2 * place.places if place.temperature_c >= HOT_FROM_C else 0.0
