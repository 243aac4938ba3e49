"""Tokens, quoted strings, lists, parameters."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.errors import BadMessage
from sip2xmpp.sip import grammar
from tests.sip.strategies import params, texts


@given(texts)
def test_quoting_is_undone_by_unquoting(text: str) -> None:
    quoted = grammar.quote(text)
    assert grammar.unquote(quoted) == text
    assert grammar.quoted_end(quoted + '"more', 0) == len(quoted)


@given(
    st.lists(
        st.one_of(st.sampled_from(["a", "b c"]), texts.map(grammar.quote), st.just("<a,b;c>")), min_size=1
    )
)
def test_a_list_is_split_outside_quotes_and_brackets(parts: list[str]) -> None:
    assert grammar.split_list(" , ".join(parts)) == parts
    assert grammar.split_outside("\t;".join(parts), ";") == parts


def test_an_empty_list_has_no_elements_and_an_empty_element_is_kept() -> None:
    assert grammar.split_list(" \t") == []
    assert grammar.split_list("a,,b,") == ["a", "", "b", ""]


@given(params)
def test_parameters_are_read_as_they_were_written(some: grammar.Params) -> None:
    assert grammar.parse_params(grammar.format_params(some)) == some


def test_white_space_around_parameters_is_no_part_of_them() -> None:
    assert grammar.parse_params(' ; a = b ;c\t; d="x;y"') == (("a", "b"), ("c", None), ("d", '"x;y"'))


@pytest.mark.parametrize("text", [";", ";;a", ";a;", ";=b", ";a=", "x;a", ";a b", ';a="b', ";a;<b"])
def test_malformed_parameters_are_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        grammar.parse_params(text)


def test_the_first_of_equal_parameters_counts_whatever_its_case() -> None:
    some = grammar.parse_params(';TAG="a\\"b";tag=c;lr')
    assert grammar.param(some, "tag") == 'a"b'
    assert grammar.param(some, "lr") == ""
    assert grammar.param(some, "x") is None


def test_a_parameter_is_replaced_in_its_place_or_put_last() -> None:
    some = grammar.parse_params(";rport;branch=b")
    assert grammar.with_param(some, "rport", "5060") == (("rport", "5060"), ("branch", "b"))
    assert grammar.with_param(some, "received", "::1") == (*some, ("received", "::1"))


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("007", 7), ("4294967295", 2**32 - 1), ("0" * 99 + "1", 1)]
)
def test_numbers(text: str, number: int) -> None:
    assert grammar.parse_number(text, 2**32 - 1, "it") == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "1_0", "1.0", " 1", "٣", "4294967296", "9" * 5000])
def test_what_is_no_number_or_too_large_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        grammar.parse_number(text, 2**32 - 1, "it")


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\0b"])
def test_line_ends_cannot_be_written(text: str) -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        grammar.writable(text)
    assert grammar.cleaned(text) == "a b"


def test_percent_escapes_are_decoded_once_and_loose_signs_stay() -> None:
    assert grammar.percent_decoded("%2525%zz%C3%A9%FF") == "%25%zzé\udcff"


@pytest.mark.parametrize(
    "text",
    [
        '"' + '\\"' * 30_000,
        '"' * 60_001,
        "<" * 60_000,
        ',"' * 30_000,
        ";" * 60_000,
        " " * 60_000 + "x",
        "%" * 60_000,
    ],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    start = time.perf_counter()
    for split in (grammar.split_list, grammar.parse_params):
        try:
            split(text)
        except BadMessage:
            pass
    grammar.percent_decoded(text)
    assert time.perf_counter() - start < 1.0
