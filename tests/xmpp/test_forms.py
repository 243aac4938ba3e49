"""Data forms: what is asked, what is answered, and everything that is wrong with an answer."""

from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.xmpp.forms import (
    LONGEST_VALUE,
    MOST_FIELDS,
    MOST_VALUES,
    BadForm,
    Field,
    FieldType,
    Form,
    read_answer,
    told,
)
from sip2xmpp.xmpp.parsing import parse_stanza
from sip2xmpp.xmpp.texts import clean, quote, text_of

X = "{jabber:x:data}"


def submitted(values: dict[str, list[str]], kind: str = "submit") -> str:
    """An answer as a client writes it."""
    fields = "".join(
        f"<field var='{quote(name)}'>{''.join(f'<value>{text_of(v)}</value>' for v in given)}</field>"
        for name, given in values.items()
    )
    return f"<x xmlns='jabber:x:data' type='{kind}'>{fields}</x>"


def test_a_form_is_written_as_it_stands() -> None:
    form = Form(
        title="You & me",
        instructions="Fill <in>",
        kind="urn:kind",
        fields=(
            Field(
                name="state",
                type=FieldType.LIST_SINGLE,
                required=True,
                options=(("Away", "away"),),
                label="S",
            ),
            Field(name="note", type=FieldType.TEXT_MULTI, values=("a", "b"), description="D"),
            Field(name="", type=FieldType.FIXED, values=("read this",)),
        ),
    )
    x = fromstring(form.element)
    assert x.get("type") == "form"
    assert (x.findtext(f"{X}title"), x.findtext(f"{X}instructions")) == ("You & me", "Fill <in>")
    kind, state, note, fixed = x.findall(f"{X}field")
    assert (kind.get("var"), kind.get("type"), kind.findtext(f"{X}value")) == (
        "FORM_TYPE",
        "hidden",
        "urn:kind",
    )
    assert state.find(f"{X}required") is not None
    assert state.find(f"{X}option/{X}value").text == "away"  # type: ignore[union-attr]
    assert [value.text for value in note.findall(f"{X}value")] == ["a", "b"]
    assert fixed.get("var") is None


def test_a_table_has_its_columns_and_rows() -> None:
    form = Form(
        title="T", result=True, columns=(Field(name="a"), Field(name="b")), rows=(("1", "2"), ("3", "<4>"))
    )
    x = fromstring(form.element)
    assert [each.get("var") for each in x.findall(f"{X}reported/{X}field")] == ["a", "b"]
    assert [[v.text for v in item.iter(f"{X}value")] for item in x.findall(f"{X}item")] == [
        ["1", "2"],
        ["3", "<4>"],
    ]


def test_what_is_told_is_a_result() -> None:
    x = fromstring(told("T", ("State", "away\nfor long")).element)
    assert x.get("type") == "result"
    assert [value.text for value in x.iter(f"{X}value")] == ["away", "for long"]


ASKED = Form(
    title="",
    fields=(
        Field(name="need", required=True, label="Need"),
        Field(name="yes", type=FieldType.BOOLEAN),
        Field(name="one", type=FieldType.LIST_SINGLE, options=(("A", "a"), ("B", "b"))),
        Field(name="many", type=FieldType.LIST_MULTI, options=(("A", "a"), ("B", "b"))),
        Field(name="jid", type=FieldType.JID_SINGLE),
        Field(name="jids", type=FieldType.JID_MULTI),
        Field(name="secret", type=FieldType.TEXT_PRIVATE),
        Field(name="lines", type=FieldType.TEXT_MULTI),
        Field(name="info", type=FieldType.FIXED, values=("x",)),
    ),
)


def test_an_answer_that_fits_is_taken() -> None:
    answer = ASKED.check(
        {
            "need": (" x ",),
            "yes": ("1",),
            "one": ("a",),
            "many": ("a", "b"),
            "jid": ("romeo@jabber.example/x",),
            "jids": ("jabber.example", ""),
            "lines": ("a", "b"),
            "info": ("changed",),
            "stranger": ("in paradise",),
        }
    )
    assert answer.faults == ()
    assert (answer.one("need"), answer.truth("yes"), answer.text("lines")) == ("x", True, "a\nb")
    assert answer.all("jids") == ("jabber.example",)
    assert "info" not in answer.values and "stranger" not in answer.values


def test_all_faults_are_told_at_once() -> None:
    answer = ASKED.check(
        {
            "need": (" ",),
            "yes": ("perhaps",),
            "one": ("c",),
            "many": ("a", "c"),
            "jid": ("@@",),
            "jids": ("romeo@jabber.example", "a@" + "b" * 4000),
            "secret": ("1", "2"),
        }
    )
    assert len(answer.faults) == 7
    assert answer.faults[0] == "Need: this is needed"
    assert answer.values == {}


def test_nothing_secret_is_sent_back() -> None:
    filled = ASKED.filled({"need": ("x",), "secret": ("hush",), "info": ("y",)})
    assert "hush" not in filled.element and filled.fields[0].values == ("x",)
    assert filled.fields[-1].values == ("x",)


def test_a_cancelled_form_is_no_answer() -> None:
    assert read_answer(parse_stanza("<x xmlns='jabber:x:data' type='cancel'/>")) is None


@pytest.mark.parametrize(
    "xml",
    [
        "<x xmlns='jabber:x:data' type='form'/>",
        "<x xmlns='jabber:x:data'/>",
        "<y xmlns='jabber:x:data' type='submit'/>",
        "<x xmlns='jabber:x:other' type='submit'/>",
        submitted({f"f{number}": ["1"] for number in range(MOST_FIELDS + 1)}),
        submitted({"f": ["1"] * (MOST_VALUES + 1)}),
        submitted({"f": ["x" * (LONGEST_VALUE + 1)]}),
        "<x xmlns='jabber:x:data' type='submit'><field var='a'/><field var='a'/></x>",
    ],
)
def test_what_is_no_answer_is_refused(xml: str) -> None:
    with pytest.raises(BadForm):
        read_answer(parse_stanza(xml))


def test_what_is_strange_in_an_answer_is_passed_over() -> None:
    xml = (
        "<x xmlns='jabber:x:data' type='submit'>text<title>t</title><field><value>no name</value></field>"
        "<other xmlns='urn:x'/><field var='a' type='text-single'><value>1</value><required/></field></x>"
    )
    assert read_answer(parse_stanza(xml)) == {"a": ("1",)}


names = st.text(min_size=1, max_size=8).map(clean).filter(str.strip)


@given(st.dictionaries(names, st.lists(st.text(max_size=20).map(clean), max_size=3), max_size=5))
def test_every_answer_is_read_as_it_was_written(values: dict[str, list[str]]) -> None:
    read = read_answer(parse_stanza(submitted(values)))
    assert read == {name: tuple(given) for name, given in values.items()}


@given(st.text(max_size=40), st.text(max_size=40), st.lists(st.text(max_size=10), max_size=3))
def test_every_form_is_xml(title: str, name: str, values: list[str]) -> None:
    form = Form(
        title=title,
        kind=title,
        fields=tuple(
            Field(name=name, type=kind, label=title, values=tuple(values), options=((title, name),))
            for kind in FieldType
        ),
    )
    assert fromstring(form.element).tag == f"{X}x"
    assert ASKED.check({each.name: tuple(values) for each in ASKED.fields}) is not None
