"""A wrong name is answered with what was expected and the nearest known one."""

from gateway.domain.names import did_you_mean, expected_one_of


def test_the_nearest_name_is_offered_whatever_its_case() -> None:
    assert did_you_mean("SENML-JSN", ["senml-json", "ttn"]) == "; did you mean 'senml-json'?"
    assert did_you_mean("xyz", ["senml-json", "ttn"]) == ""


def test_what_was_expected_is_listed_up_to_a_length() -> None:
    assert expected_one_of("q", ["a", "b", "c"], most=2) == "expected one of a, b, …"
    assert expected_one_of("q", []) == "there is none to choose from"
