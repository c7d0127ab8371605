import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wire.topics import MessageType, Topic, TopicError, parse_topic

ids = st.text(
    st.characters(exclude_characters="+/#", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40
)


@pytest.mark.sparkplug(
    "tck-id-topic-structure",
    "tck-id-topic-structure-namespace-a",
    "tck-id-topics-nbirth-topic",
    "tck-id-topics-ndata-topic",
    "tck-id-topics-ndeath-topic",
    "tck-id-topics-ncmd-topic",
    "tck-id-topics-dbirth-topic",
    "tck-id-topics-ddata-topic",
    "tck-id-topics-ddeath-topic",
    "tck-id-topics-dcmd-topic",
    "tck-id-host-topic-phid-birth-topic",
    "tck-id-host-topic-phid-death-topic",
)
def test_topics_have_the_form_of_the_specification() -> None:
    assert str(Topic("D703-THPT-02", MessageType.NBIRTH, "a1")) == "spBv1.0/D703-THPT-02/NBIRTH/a1"
    assert str(Topic("g", MessageType.DDATA, "n", "p101-air")) == "spBv1.0/g/DDATA/n/p101-air"
    assert str(Topic("", MessageType.STATE, "hub")) == "spBv1.0/STATE/hub"


@given(ids, ids, ids, st.sampled_from(MessageType))
def test_what_is_written_is_read_back(group: str, node: str, device: str, message_type: MessageType) -> None:
    of_device = device if message_type.of_device else None
    topic = Topic("" if message_type is MessageType.STATE else group, message_type, node, of_device)
    if group == "STATE" and message_type is not MessageType.STATE:
        assert parse_topic(str(topic)).group == "STATE"  # four levels or more: a group that calls itself so
    assert parse_topic(str(topic)) == topic


@pytest.mark.sparkplug(
    "tck-id-intro-group-id-chars",
    "tck-id-intro-edge-node-id-chars",
    "tck-id-intro-device-id-chars",
    "tck-id-topic-structure-namespace-valid-group-id",
    "tck-id-topic-structure-namespace-valid-edge-node-id",
    "tck-id-topic-structure-namespace-valid-device-id",
    "tck-id-topic-structure-namespace-device-id-associated-message-types",
    "tck-id-topic-structure-namespace-device-id-non-associated-message-types",
)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "spBv1.0",
        "spBv1.0/",
        "spAv1.0/g/NDATA/n",
        "spBv1.0/g/NDATA",
        "spBv1.0/g/NDATA/",
        "spBv1.0//NDATA/n",
        "spBv1.0/g/NDATA/n/device",
        "spBv1.0/g/DDATA/n",
        "spBv1.0/g/DDATA/n/",
        "spBv1.0/g/DDATA/n/d/more",
        "spBv1.0/g/ndata/n",
        "spBv1.0/g/STATE/n",
        "spBv1.0/STATE/hub/more/levels",
        "spBv1.0/g+/NDATA/n",
        "spBv1.0/g/NDATA/n#",
        "spBv1.0/g/NDATA/n\x00",
        "spBv1.0/g/NDATA/n\n",
        "spBv1.0/" + "g" * 70_000 + "/NDATA/n",
    ],
)
def test_what_is_not_sparkplug_is_refused(text: str) -> None:
    with pytest.raises(TopicError):
        parse_topic(text)


@given(st.text(max_size=80))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    for candidate in (text, "spBv1.0/" + text):
        with contextlib.suppress(TopicError):
            assert str(parse_topic(candidate)) == candidate
