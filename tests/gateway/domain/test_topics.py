"""Topics: what is built is parsed back, and matching follows the standard."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from gateway.domain.topics import Address, Kind, Topics, is_filter, is_publishable, matches, node_of

SITE = Topics("orex-01")
IDS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"], exclude_characters="/+#"), min_size=1)
LEVELS = st.lists(st.sampled_from(["", "a", "b", "$x", "+", "#"]), min_size=1, max_size=5)


def test_the_topics_of_the_interface():
    assert SITE.of(Kind.NODE_SENML, "node7") == "bocamina/v1/orex-01/node/node7/senml"
    assert SITE.of(Kind.ALARM, "co-1.level") == "bocamina/v1/orex-01/alarm/co-1.level"
    assert SITE.of(Kind.PRESENCE_COUNT, "frente-1") == "bocamina/v1/orex-01/presence/count/frente-1"
    assert SITE.of(Kind.GATEWAY_STATUS) == "bocamina/v1/orex-01/gateway/status"
    assert SITE.every(Kind.ACTUATOR_STATE) == "bocamina/v1/orex-01/actuator/+/state"


@given(kind=st.sampled_from(Kind), ident=IDS)
@settings(max_examples=200)
def test_what_is_built_is_parsed_back(kind: Kind, ident: str):
    topic = SITE.of(kind, ident)
    assert SITE.parse(topic) == Address(kind, ident if "{}" in kind else "")
    assert matches(SITE.every(kind), topic)
    assert is_publishable(topic)
    assert Topics("orex-02").parse(topic) is None


@given(st.text())
def test_parsing_never_fails(text: str):
    SITE.parse(text)
    SITE.parse(SITE.root + text)
    is_publishable(text)
    is_filter(text)


@pytest.mark.parametrize(
    "topic",
    ["", "node", "node/", "node//senml", "node/a", "node/a/senml/b", "alarm/", "alarm/+", "gateway", "gateway/x"],
)
def test_what_is_no_topic_of_ours(topic: str):
    assert SITE.parse(SITE.root + topic) is None


@pytest.mark.parametrize("ident", ["", "a/b", "+", "a#", "a\0", "a\nb"])
def test_an_id_that_is_no_level_is_refused(ident: str):
    with pytest.raises(ValueError, match="cannot be a level"):
        SITE.of(Kind.COMMAND, ident)
    with pytest.raises(ValueError, match="cannot be a level"):
        Topics(ident)


@given(filter_=LEVELS.map("/".join), topic=st.lists(st.sampled_from(["", "a", "b", "$x"]), min_size=1).map("/".join))
@settings(max_examples=300)
def test_matching_is_what_paho_does(filter_: str, topic: str):
    if is_filter(filter_) and is_publishable(topic):
        assert matches(filter_, topic) is topic_matches_sub(filter_, topic)


@pytest.mark.parametrize(
    ("text", "good"),
    [*((text, True) for text in ("a/+/b", "#", "a/#", "+")), *((text, False) for text in ("a/#/b", "a+/b", "", "a\0"))],
)
def test_filters(text: str, good: bool):
    assert is_filter(text) is good


def test_the_node_is_the_level_under_the_first_plus():
    filter_ = "bocamina/v1/orex-01/node/+/senml"
    assert node_of(filter_, "bocamina/v1/orex-01/node/node7/senml") == "node7"
    assert node_of("a/+/b/+", "a/x/b/y") == "x"
    assert node_of(filter_, "bocamina/v1/orex-02/node/node7/senml") is None
    assert node_of("fixed/topic", "fixed/topic") is None


def test_an_answer_never_goes_where_it_could_be_taken_for_an_order():
    assert SITE.may_answer_on("bocamina/v1/orex-01/reply/api-1")
    assert SITE.may_answer_on("anywhere/else")
    for topic in ["", "a/+", "$SYS/x", SITE.of(Kind.COMMAND, "fan-1"), SITE.of(Kind.GATEWAY_STATUS)]:
        assert not SITE.may_answer_on(topic)
