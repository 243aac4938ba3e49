"""The short way of writing a document gives, octet for octet, what the long way gives, or nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Activity, Basic, Device, Mood, Note, Person, Presence, Show, Tuple
from sip2xmpp.presence.canonical import canonical
from sip2xmpp.presence.profiles import EXTENDED, INTEROP, LINPHONE_3, RFC, Profile, slim
from sip2xmpp.presence.states import NOTE_WORDS, STATE_OF_SHOW
from sip2xmpp.presence.texts import GUARD, NOTE_LIMIT
from sip2xmpp.presence.wording import STAND_IN, is_ordinary, reworded
from tests.documents.strategies import STATUS_WORDS, languages, texts
from tests.presence.neutral import JULIET, NOON

PROFILES = [INTEROP, slim(INTEROP), slim(INTEROP, keep_show=True), slim(RFC), LINPHONE_3]


def said(
    show: Show | None = None,
    words: str = "at the balcony",
    *,
    language: str | None = None,
    priority: float | None = 0.0,
    gr: str = "balcony",
) -> Presence:
    """As the bridge makes it of one resource."""
    notes = (Note(text=words, language=language),) if words else ()
    service = Tuple(
        id=f"ID-{gr}",
        basic=Basic.OPEN,
        show=show,
        extended=EXTENDED[STATE_OF_SHOW[show]],
        contact=f"{JULIET};gr={gr}",
        priority=priority,
        notes=notes,
    )
    return Presence(
        entity=JULIET, tuples=(service,), persons=(Person(id="p-juliet", notes=notes),) if notes else ()
    )


def the_long_way(document: Presence, entity: str, profile: Profile) -> bytes:
    return pidf.write(canonical(document, profile=profile, entity=entity))


@given(
    show=st.sampled_from([None, *Show]),
    words=st.one_of(
        st.just(""), texts, st.text(max_size=300), st.sampled_from(sorted(NOTE_WORDS)).map(str.title)
    ),
    language=languages,
    priority=st.none() | st.floats(0, 1),
    profile=st.sampled_from(PROFILES),
    entity=st.sampled_from([JULIET, "sip:Juliet@example.com", "sip:juliet%40jabber.example@gw.example.org"]),
    basic=st.sampled_from([Basic.OPEN, Basic.CLOSED, None]),
    extended=st.sampled_from([None, "available", "away", "busy", "offline", "lunch"]),
)
def test_it_gives_the_same_octets(
    *,
    show: Show | None,
    words: str,
    language: str | None,
    priority: float | None,
    profile: Profile,
    entity: str,
    basic: Basic | None,
    extended: str | None,
) -> None:
    document = said(show, words, language=language, priority=priority)
    (service,) = document.tuples
    document = replace(document, tuples=(replace(service, basic=basic, extended=extended),))
    for _ in range(2):
        short = reworded(document, entity, profile)
        assert short is None or short == the_long_way(document, entity, profile)


@pytest.mark.parametrize("words", ["at the balcony", "à table", "50 % < 60 % & more", "x" * NOTE_LIMIT])
def test_an_ordinary_text_takes_the_short_way(words: str) -> None:
    assert is_ordinary(words)
    assert reworded(said(Show.AWAY, words), JULIET, INTEROP) is not None


def test_a_document_without_a_text_is_written_once() -> None:
    document = said(Show.AWAY, "")
    assert reworded(document, JULIET, INTEROP) == the_long_way(document, JULIET, INTEROP)
    (service,) = document.tuples
    talking = replace(document, persons=(Person(id="p", activities=(Activity("meal"),)),))
    assert reworded(talking, JULIET, INTEROP) is None
    noted = replace(document, tuples=(replace(service, notes=(Note(text="of the tuple alone"),)),))
    assert reworded(noted, JULIET, INTEROP) is None


@pytest.mark.parametrize(
    "words",
    [*STATUS_WORDS, " ", "ends with a blank ", "x" * (NOTE_LIMIT + 1), f"away{GUARD}", "a\nb", "a\x07b"],
)
def test_a_text_that_is_looked_at_does_not(words: str) -> None:
    assert not is_ordinary(words)
    assert reworded(said(Show.AWAY, words), JULIET, INTEROP) is None


def test_a_document_that_says_more_does_not() -> None:
    plain = said(Show.AWAY)
    (service,), (person,) = plain.tuples, plain.persons
    assert reworded(plain, JULIET, INTEROP) is not None
    for richer in (
        replace(plain, tuples=(replace(service, timestamp=NOON),)),
        replace(plain, tuples=(service, replace(service, id="other"))),
        replace(plain, persons=(replace(person, activities=(Activity("meal"),)),)),
        replace(plain, persons=(replace(person, activity_note="at the balcony"),)),
        replace(plain, persons=(replace(person, moods=(Mood("happy"),)),)),
        replace(
            plain, persons=(replace(person, notes=(*person.notes, Note(text="zu Tisch", language="de"))),)
        ),
        replace(plain, persons=()),
        replace(plain, notes=person.notes),
        replace(plain, devices=(Device(id="d", device_id="urn:d"),)),
        replace(plain, extensions=(b"<x/>",)),
    ):
        assert reworded(richer, JULIET, INTEROP) is None


def test_a_document_over_the_goal_of_its_profile_does_not() -> None:
    goal = slim(INTEROP)
    assert goal.size_goal is not None
    assert reworded(said(words="x"), JULIET, goal) is not None
    assert reworded(said(words="x" * 200), JULIET, goal) is None


def test_nobody_can_put_a_text_where_the_stand_in_is_not() -> None:
    for words in ("first", "second"):
        short = reworded(said(words=words, gr=STAND_IN), JULIET, INTEROP)
        assert short is None


def test_a_form_is_of_one_document_only() -> None:
    shows = [None, *Show]
    written = [reworded(said(show, "a text"), JULIET, INTEROP) for show in shows]
    assert len(set(written)) == len(shows)
