"""The CSV of `bocamina statistics`: what it takes, and the one sentence for what it does not."""

import io

import pytest

from gateway.domain.errors import ConfigError
from gateway.exposure.shift_results import MOST_RESULTS, Method, expostats_lines, of_one_method, read_shift_results


def read(text):
    return read_shift_results(io.StringIO(text, newline=""), "turnos.csv")


def test_values_and_censored_ones_in_their_order():
    results = read("Value , Censored\n0.012,\n0.010,<\n\n0.02, \n")[None]
    assert list(results.values) == [0.012, 0.010, 0.02]
    assert results.detected == [0.012, 0.02]
    assert results.detection_limits == [0.010]


def test_the_sign_may_stand_before_the_number_as_laboratories_write_it():
    assert read("value\n<0.01\n0.02\n")[None].detection_limits == [0.01]


def test_a_byte_order_mark_is_no_part_of_a_name():
    assert list(read("\ufeffvalue\n1\n")[None].values) == [1.0]


def test_methods_are_kept_apart():
    found = read("value,method\n1,personal_direct\n2,area_estimate\n3,PERSONAL_DIRECT\n")
    assert list(found) == [Method.PERSONAL_DIRECT, Method.AREA_ESTIMATE]
    assert list(found[Method.PERSONAL_DIRECT].values) == [1.0, 3.0]


def test_unit_and_substance_are_carried_along():
    results = read("value,unit,substance\n1,mg/m³,silica_respirable\n2,mg/m3,Silica_Respirable\n")[None]
    assert (results.unit, results.substance) == ("mg/m3", "silica_respirable")


def test_expostats_text():
    results = read("value,censored\n13.8,<\n0.025,\n20,\n")[None]
    assert list(expostats_lines(results)) == ["<13.8", "0.025", "20.0"]


NOT_POSITIVE = (
    "expected more than 0 and at most 1e+09; a result below detection is its limit of detection with < in the column "
    "censored"
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", ": empty, expected a header with value and optionally censored, method"),
        ("value\n", ": no rows below the header, expected at least one shift result"),
        ("result\n1\n", " line 1: column value is missing, expected value and optionally censored, method"),
        ("value;method\n", " line 1: column value is missing, expected value and optionally censored, method; the "),
        ("value,value\n1,2\n", " line 1: column value stands twice"),
        ("value\n1\nmuch\n", " line 3, value: 'much' is no number"),
        ('value\n"0,05"\n', " line 2, value: '0,05' is no number, expected a decimal point"),
        ("value,censored\n,<\n", " line 2, value: '' is no number"),
        ("value\n0\n", f" line 2, value: 0, {NOT_POSITIVE}"),
        ("value\n-1\n", f" line 2, value: -1, {NOT_POSITIVE}"),
        ("value,censored\n1,yes\n", " line 2, censored: 'yes', expected < (the true value is below) or nothing"),
        ("value,method\n1,personal\n", " line 2, method: 'personal'; expected one of personal_gravimetric, "),
        ("value,method\n1,\n", " line 2, method: ''; expected one of personal_gravimetric, personal_d"),
        ("value,unit\n1,ppm\n2,mg/m3\n", " line 3, unit: 'mg/m3' after 'ppm', expected one unit in the whole file"),
        ("value,substance\n1,co\n2,no2\n", " line 3, substance: 'no2' after 'co', expected one substance in the whol"),
        ("value,substance\n1,gold\n", " line 2, substance: 'gold' is not known"),
        ("value,seg\n1,perforistas\n2,cocina\n", " line 3, seg: 'cocina' after 'perforistas', expected one seg in "),
        ('value\n"1\n', " line 2: not CSV: unexpected end of data"),
    ],
)
def test_bad_input_is_one_sentence(text, sentence):
    with pytest.raises(ConfigError) as error:
        read(text)
    assert str(error.value).startswith(f"turnos.csv{sentence}")
    assert len(error.value.problems) == 1
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["nan", "inf", "1e10"])
def test_numbers_that_are_no_concentration(value):
    with pytest.raises(ConfigError, match="expected more than 0 and at most"):
        read(f"value\n{value}\n")


def test_the_samples_of_a_sensor_are_no_shift_results_and_are_not_read_to_the_end():
    taken = 0

    def endless():
        nonlocal taken
        yield "value\n"
        while True:
            taken += 1
            yield "1\n"

    with pytest.raises(ConfigError, match="expected one result a person and shift"):
        read_shift_results(endless(), "sensor.csv")
    assert taken == MOST_RESULTS + 1


def test_one_method_is_judged():
    mixed = read("value,method\n1,personal_direct\n2,area_estimate\n3,personal_direct\n")
    unnamed = read("value\n1\n")
    assert of_one_method(mixed, "area_estimate", "a") == Method.AREA_ESTIMATE
    assert of_one_method(unnamed, None, "a") is None
    assert of_one_method(unnamed, "personal_gravimetric", "a") == Method.PERSONAL_GRAVIMETRIC
    with pytest.raises(ConfigError) as error:
        of_one_method(mixed, None, "a.csv")
    assert str(error.value) == (
        "a.csv: 2 personal_direct and 1 area_estimate results, and methods are never pooled; "
        "expected one of --method personal_direct, --method area_estimate"
    )
    with pytest.raises(ConfigError, match=r"a.csv: no personal_gravimetric results, the file holds 2 personal_direct"):
        of_one_method(mixed, "personal_gravimetric", "a.csv")
    with pytest.raises(ConfigError, match=r"--method: 'area'; expected one of personal_gravimetric"):
        of_one_method(mixed, "area", "a.csv")
