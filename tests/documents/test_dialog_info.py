"""dialog-info documents: what phones and servers write is read, and what we write is read back as it was meant."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents.dialog_info import (
    CALLS,
    ENDINGS,
    PARTS,
    Call,
    CallState,
    DialogInfo,
    DialogName,
    Direction,
    Party,
    merged,
    read,
    write,
)
from sip2xmpp.errors import BadDocument

KAMAILIO = b"""<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="00000000000" state="full" entity="sip:alice@sip.example.org">
  <dialog id="DIALOG_PUBLISH.8f2a" call-id="8f2a@192.0.2.7" local-tag="l1" remote-tag="r1" direction="recipient">
    <state>early</state>
    <remote><identity display="Bob">sip:bob@sip.example.org</identity><target uri="sip:bob@192.0.2.9"/></remote>
    <local><identity>sip:alice@sip.example.org</identity><target uri="sip:alice@192.0.2.7"/></local>
  </dialog>
</dialog-info>"""

ASTERISK = b"""<?xml version="1.0"?>
<di:dialog-info xmlns:di="urn:ietf:params:xml:ns:dialog-info" version="3" state="full" entity="sip:201@192.0.2.1">
<di:dialog id="201" direction="initiator"><di:state>confirmed</di:state><di:local>
<di:target uri="sip:201@192.0.2.1"><di:param pname="+sip.rendering" pvalue="no"/></di:target></di:local></di:dialog>
</di:dialog-info>"""

SHARED = b"""<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' xmlns:sa='urn:ietf:params:xml:ns:sa-dialog-info'
 version='1' notify-state='partial' entity='sip:line@sip.example.org'>
<dialog id='a'><sa:exclusive>true</sa:exclusive><sa:appearance>2</sa:appearance><state>trying</state></dialog>
<dialog id='b'><state event="Remote-BYE" code="200">terminated</state><local><target uri="sip:line@192.0.2.7">
<param pname="x-line-id" pval="3"/></target></local></dialog></dialog-info>"""


def document(dialogs: str, attributes: str = 'state="full"') -> bytes:
    return (
        f'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" {attributes}'
        f' entity="sip:alice@sip.example.org">{dialogs}</dialog-info>'
    ).encode()


def test_what_a_proxy_publishes_is_read() -> None:
    assert read(KAMAILIO) == DialogInfo(
        entity="sip:alice@sip.example.org",
        calls=(
            Call(
                id="DIALOG_PUBLISH.8f2a",
                state=CallState.EARLY,
                call_id="8f2a@192.0.2.7",
                local_tag="l1",
                remote_tag="r1",
                direction=Direction.RECIPIENT,
                local=Party(identity="sip:alice@sip.example.org", target="sip:alice@192.0.2.7"),
                remote=Party(identity="sip:bob@sip.example.org", display="Bob", target="sip:bob@192.0.2.9"),
            ),
        ),
    )


def test_a_call_on_hold_is_known_by_either_spelling_of_its_parameter() -> None:
    (call,) = read(ASTERISK).calls
    assert call.is_held
    assert read(write(DialogInfo(entity="", calls=(call,)))).calls == (call,)


def test_appearances_are_read_in_both_ways_of_saying_them() -> None:
    said = read(SHARED)
    assert not said.is_full
    first, second = said.calls
    assert (first.line, first.exclusive, first.state) == (2, True, CallState.TRYING)
    assert (second.line, second.ending, second.code) == (3, "remote-bye", 200)


def test_a_dialog_without_id_gets_one_that_stays() -> None:
    nameless = '<dialog call-id="c" local-tag="l"><state>confirmed</state></dialog><dialog><state>early</state></dialog>'
    first, again = read(document(nameless)), read(document(nameless + "<dialog/>"))
    assert len({call.id for call in again.calls}) == 3
    assert [call.id for call in first.calls] == [call.id for call in again.calls[:2]]


def test_of_two_dialogs_with_one_id_the_later_counts() -> None:
    twice = '<dialog id="a"><state>early</state></dialog><dialog id="a"><state>confirmed</state></dialog>'
    assert [call.state for call in read(document(twice)).calls] == [CallState.CONFIRMED]


@pytest.mark.parametrize("state", ["", "<state/>", "<state>ringing</state>"])
def test_a_dialog_whose_state_is_unknown_is_no_call(state: str) -> None:
    (call,) = read(document(f'<dialog id="a">{state}</dialog>')).calls
    assert not call.is_live


def test_a_change_is_merged_into_what_was_known() -> None:
    def call(name: str, state: CallState) -> Call:
        return Call(id=name, state=state)

    before = DialogInfo(
        entity="e", calls=(call("a", CallState.EARLY), call("b", CallState.TERMINATED), call("c", CallState.EARLY))
    )  # fmt: skip
    change = DialogInfo(
        entity="e",
        version=1,
        is_full=False,
        calls=(call("a", CallState.TERMINATED), call("d", CallState.TRYING)),
    )
    after = merged(before, change)
    assert after.is_full
    assert [(one.id, one.state.value) for one in after.calls] == [
        ("a", "terminated"),
        ("c", "early"),
        ("d", "trying"),
    ]
    assert merged(None, change).calls == change.calls
    assert merged(None, change).is_full
    full = replace(change, is_full=True)
    assert merged(before, full) is full


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<",
        b"<presence xmlns='urn:ietf:params:xml:ns:pidf'/>",
        b"<!DOCTYPE dialog-info [<!ENTITY a 'b'>]><dialog-info>&a;</dialog-info>",
        document('<dialog id="a"/>' * (CALLS + 1)),
        document("<dialog>" * 300 + "</dialog>" * 300),
        document(f'<dialog id="{"x" * 70_000}"/>'),
    ],
)
def test_what_is_no_document_or_too_much_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        read(octets)


def test_parts_beyond_measure_are_cut() -> None:
    params = '<param pname="p" pval="v"/>' * 500
    hops = "<hop>sip:a</hop>" * 500
    many = f'<route-set>{hops}</route-set><local><target uri="u">{params}</target></local>{"<joined-dialog/>" * 500}'
    (call,) = read(document(f'<dialog id="a">{many}</dialog>')).calls
    assert call.local is not None
    assert len(call.local.params) == len(call.route_set) == len(call.joined) == PARTS


# round trips

words = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=12).map(
    lambda word: " ".join(word.replace("\ufffe", "").replace("\uffff", "").split())
)
some = words.filter(bool)
hostile = st.text(max_size=12)
counts = st.none() | st.integers(0, 999_999_999)


def names(word: st.SearchStrategy[str]) -> st.SearchStrategy[DialogName]:
    return st.builds(DialogName, call_id=word, local_tag=word, remote_tag=word)


def parties(word: st.SearchStrategy[str]) -> st.SearchStrategy[Party]:
    return st.one_of(
        st.builds(
            Party,
            identity=some if word is words else word,
            target=word,
            params=st.lists(st.tuples(some if word is words else word, word), max_size=3).map(tuple),
            cseq=counts,
        ),
        st.builds(
            Party,
            session=some if word is words else word,
            session_type=st.just("application/sdp"),
            cseq=counts,
        ),
    )


def calls(word: st.SearchStrategy[str]) -> st.SearchStrategy[Call]:
    return st.builds(
        Call,
        id=some if word is words else word,
        state=st.sampled_from(CallState),
        ending=st.sampled_from(["", *sorted(ENDINGS)]),
        code=counts,
        call_id=word,
        local_tag=word,
        remote_tag=word,
        direction=st.none() | st.sampled_from(Direction),
        duration=counts,
        replaces=st.none() | names(word),
        referred_by=word,
        route_set=st.lists(some if word is words else word, max_size=3).map(tuple),
        local=st.none() | parties(word),
        remote=st.none() | parties(word),
        appearance=counts,
        exclusive=st.none() | st.booleans(),
        joined=st.lists(names(word), max_size=2).map(tuple),
        replaced=st.lists(names(word), max_size=2).map(tuple),
    )


def documents(word: st.SearchStrategy[str]) -> st.SearchStrategy[DialogInfo]:
    return st.builds(
        DialogInfo,
        entity=word,
        version=st.integers(0, 999_999_999),
        is_full=st.booleans(),
        calls=st.lists(calls(word), max_size=3, unique_by=lambda call: call.id).map(tuple),
    )


@given(documents(words))
def test_what_is_written_is_read_back(said: DialogInfo) -> None:
    assert read(write(said)) == said


@given(documents(hostile))
def test_whatever_is_in_a_value_the_document_is_right_and_stays_the_same(said: DialogInfo) -> None:
    once = read(write(said))
    assert read(write(once)) == once


@given(st.binary(max_size=200) | st.text(max_size=200).map(document))
def test_reading_anything_gives_a_document_or_says_that_it_is_none(octets: bytes) -> None:
    try:
        said = read(octets)
    except BadDocument:
        return
    assert read(write(said)) == said
