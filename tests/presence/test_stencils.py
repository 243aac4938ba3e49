"""A document written into a stencil is, octet for octet, what the long way gives, or it is not written so at all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import (
    Activity,
    Basic,
    Device,
    Mood,
    Note,
    Person,
    Presence,
    Show,
    Tuple,
    UserInput,
)
from sip2xmpp.documents.rpid import ACTIVITIES, MOODS, PLACE_TYPES, SPHERES
from sip2xmpp.presence import profiles
from sip2xmpp.presence.canonical import canonical_forms
from sip2xmpp.presence.composition import Rank, Source, compose
from sip2xmpp.presence.profiles import INTEROP, Profile, slim, smaller
from sip2xmpp.presence.stencils import filled
from tests.documents.strategies import documents, identifiers, languages, texts, times
from tests.presence.neutral import JULIET, NOON, PRESENT, document

START = NOON.timestamp()
PROFILES = [
    INTEROP,
    profiles.RFC,
    profiles.LINPHONE_5,
    profiles.LINPHONE_3,
    profiles.LINPHONE_DESKTOP_6,
    profiles.LINPHONE_SDK_DND,
    profiles.LINPHONE_DESKTOP_OFFLINE,
    slim(INTEROP),
    slim(INTEROP, keep_show=True),
    slim(profiles.RFC, goal=520),
]
ENTITIES = [
    JULIET,
    "pres:juliet@example.com",
    "sip:o'h&a@example.com;transport=udp",
    "sip:100%25@example.com",
    "juliet",
]

words = st.just("") | st.sampled_from(["at the balcony", "50 % <of> it & more", "%(user)s", "Ümläut"]) | texts
stated_notes = st.builds(
    lambda said, language: (Note(text=said, language=language),) if said else (), words, languages
)
people = st.builds(
    Person,
    id=identifiers,
    activities=st.lists(
        st.builds(Activity, st.sampled_from(sorted(ACTIVITIES))) | st.just(Activity("other", "dnd")),
        max_size=2,
    ).map(tuple),
    moods=st.lists(st.builds(Mood, st.sampled_from(sorted(MOODS))), max_size=1).map(tuple),
    place_types=st.lists(st.sampled_from(sorted(PLACE_TYPES)), max_size=1).map(tuple),
    sphere=st.none() | st.sampled_from(sorted(SPHERES)),
    timestamp=times,
)
usual = st.builds(
    lambda entity, service, person, notes: Presence(
        entity=entity,
        tuples=(replace(service, notes=notes),),
        persons=(replace(person, notes=notes),) if person is not None else (),
    ),
    st.sampled_from(ENTITIES),
    st.builds(
        Tuple,
        id=identifiers,
        basic=st.sampled_from([Basic.OPEN, Basic.OPEN, Basic.CLOSED]),
        show=st.none() | st.sampled_from(Show),
        extended=st.sampled_from([None, "available", "away", "busy", "offline"]),
        contact=st.sampled_from(
            [None, JULIET, f"{JULIET};gr=desk", f"{JULIET};gr=a b&c", "sip:juliet@192.0.2.7", "tel:+15550100"]
        ),
        priority=st.sampled_from([None, 0.0, 0.5, 1.0]),
        timestamp=times,
    ),
    st.none() | people,
    stated_notes,
)


def the_long_way(source: Presence, entity: str, profile: Profile) -> bytes:
    octets = b""
    sizes = (profile, *smaller(profile)) if profile.size_goal is not None else (profile,)
    for shaped in canonical_forms(source, sizes, entity=entity):
        octets = pidf.write(shaped)
        if profile.size_goal is None or len(octets) <= profile.size_goal:
            break
    return octets


def published(stated: Presence) -> Presence:
    """As the agent composes it of one publication."""
    source = Source(id="a", rank=Rank.PUBLISHED, published_at=START, document=stated)
    return compose(JULIET, [source], START)


@given(usual | documents, st.sampled_from(PROFILES), st.sampled_from(ENTITIES))
def test_it_gives_the_same_octets(source: Presence, profile: Profile, entity: str) -> None:
    for told in (source, published(source)):
        for _ in range(2):
            short = filled(told, entity, profile)
            assert short is None or short == the_long_way(told, entity, profile)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("state", PRESENT, ids=lambda state: state.value)
@pytest.mark.parametrize("text", ["", "at the balcony", "100 % & more"])
def test_a_usual_publication_takes_the_short_way(state: object, text: str, profile: Profile) -> None:
    told = published(document(state, text))  # type: ignore[arg-type]
    for entity in ENTITIES[:4]:
        assert filled(told, entity, profile) == the_long_way(told, entity, profile)


def test_users_times_and_texts_share_a_stencil_and_keep_what_is_their_own() -> None:
    first = published(document(PRESENT[-1], "first"))
    second = replace(
        first, entity="sip:romeo@example.net", tuples=(replace(first.tuples[0], id="ID-orchard"),)
    )
    for told, entity, own in (
        (first, JULIET, b"ID-balcony"),
        (second, "sip:romeo@example.net", b"ID-orchard"),
    ):
        octets = filled(told, entity, INTEROP)
        assert octets is not None
        assert own in octets
        assert f'entity="{entity}"'.encode() in octets


def test_a_document_that_says_what_is_rare_does_not_take_it() -> None:
    plain = published(document(PRESENT[2], "at the balcony"))
    (service,), (person,) = plain.tuples, plain.persons
    assert filled(plain, JULIET, INTEROP) is not None
    for richer in (
        replace(plain, tuples=(service, replace(service, id="other"))),
        replace(plain, tuples=(replace(service, basic=Basic.CLOSED),)),
        replace(plain, tuples=(replace(service, timestamp=None),)),
        replace(plain, tuples=(replace(service, device_id="urn:uuid:1"),)),
        replace(plain, tuples=(replace(service, notes=(Note(text="Ringing"),)),)),
        replace(plain, persons=(person, person)),
        replace(plain, persons=(replace(person, notes=()),)),
        replace(plain, persons=(replace(person, timestamp=None),)),
        replace(plain, persons=(replace(person, user_input=UserInput(idle=True)),)),
        replace(plain, persons=(replace(person, activities=(Activity("other", "dnd"),)),)),
        replace(plain, persons=(replace(person, activities=(Activity("playing"),)),)),
        replace(plain, persons=(replace(person, place_types=("under a tree",)),)),
        replace(plain, notes=person.notes),
        replace(plain, devices=(Device(id="d", device_id="urn:d"),)),
        replace(plain, extensions=(b"<x/>",)),
    ):
        assert filled(richer, JULIET, INTEROP) is None
