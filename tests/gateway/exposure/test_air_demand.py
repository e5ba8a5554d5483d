"""Air for people and engines: Art. 247 and Anexo 38 of DS 024-2016-EM, with the vectors of the limits reference."""

import pytest

from gateway.domain.errors import ConfigError
from gateway.exposure.air_demand import (
    Blasting,
    Engine,
    Heat,
    air_demand,
    air_per_person,
    coverage_percent,
    timber_factor,
)  # fmt: skip


def test_vector_6_twelve_people_and_an_engine_at_4200_metres():
    demand = air_demand(4200, 12, engines=[Engine(60, 0.9, 0.8)])
    assert demand.q_tr == pytest.approx(72)
    assert demand.q_eq == pytest.approx(129.6)
    assert demand.q_t1 == pytest.approx(201.6)
    assert demand.q_fu == pytest.approx(30.24)
    assert demand.q_to == pytest.approx(231.84)


def test_vector_7_the_law_prints_4_where_its_own_percentage_gives_4_2():
    person = air_per_person(2600)
    assert 10 * person.legal == 40
    assert 10 * person.internal == pytest.approx(42)
    assert air_demand(2600, 10).q_tr == 40


@pytest.mark.parametrize(
    ("metres", "legal", "internal"),
    [(0, 3, 3), (1500, 3, 3), (1500.1, 4, 4.2), (2999, 4, 4.2), (3000, 5, 5.1), (4000, 5, 5.1), (4000.1, 6, 6)],
)
def test_the_edges_of_article_247(metres, legal, internal):
    assert air_per_person(metres) == (legal, pytest.approx(internal))


def test_the_worked_example_of_anexo_38():
    """F = 5, N = 315, and 18 places of 20.3 m² in the heat (limits reference 3.3, S03)."""
    demand = air_demand(3500, 315, heat=[Heat(24.0, 20.3, 18)])
    assert demand.q_tr == 1575
    assert demand.q_te == pytest.approx(10_962)


@pytest.mark.parametrize(
    ("percent", "factor"),
    [(0, 0), (19.9, 0), (20, 0.6), (40, 0.6), (40.5, 1.0), (41, 1.0), (70, 1.0), (70.1, 1.25), (100, 1.25)],
)
def test_timber(percent, factor):
    assert timber_factor(percent) == factor
    assert air_demand(0, 0, tonnes=10, timber_percent=percent).q_ma == pytest.approx(10 * factor)


def test_places_below_24_degrees_need_no_more_and_blasting_counts_without_engines():
    assert air_demand(0, 1, heat=[Heat(23.9, 10.0)]).q_te == 0
    assert air_demand(0, 1, blasting=Blasting(4.0, 2)).q_ex == 160
    assert air_demand(0, 1, blasting=Blasting(4.0, 2, anfo=True)).q_ex == 200


def test_what_is_met_of_the_demand():
    assert coverage_percent(115.92, air_demand(4200, 12, engines=[Engine(60, 0.9, 0.8)])) == pytest.approx(50)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: air_demand(4200, -1),
        lambda: air_demand(4200, 1, tonnes=-1),
        lambda: air_demand(4200, 1, tonnes=1, timber_percent=101),
        lambda: air_demand(4200, 1, heat=[Heat(29.1, 4.0)]),
        lambda: air_demand(4200, 1, engines=[Engine(60, 1.2)]),
        lambda: air_demand(4200, 1, engines=[Engine(60)], blasting=Blasting(4.0)),
        lambda: air_per_person(float("nan")),
        lambda: coverage_percent(1.0, air_demand(0, 0)),
    ],
)
def test_wrong_figures_are_refused_in_one_sentence(wrong):
    with pytest.raises(ConfigError, match="expected"):
        wrong()
