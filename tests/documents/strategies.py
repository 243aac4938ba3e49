"""Presence documents as values, for Hypothesis: ordinary ones, and ones that no peer should send."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from sip2xmpp.documents.presence import (
    Activity,
    Basic,
    Capabilities,
    Cipid,
    Device,
    Mood,
    Note,
    Person,
    Presence,
    Show,
    Tuple,
    UserInput,
)
from sip2xmpp.documents.rpid import ACTIVITIES, MOODS, PLACE_TYPES, RELATIONSHIPS, SERVICE_CLASSES, SPHERES

STATUS_WORDS = [
    "Away", "away", "busy", "Busy (DND)", "On the phone", "In a meeting", "offline", "Online", "available", "ready",
    "Ringing", "ring me", "On hold", "Unavailable", "Do not disturb", "dnd", "Extended away", "Free for chat", "Not online",
]  # fmt: skip

texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(STATUS_WORDS),
    st.text("<>&\"'\x00\x07\ufffe\r\n\t \u200ba", max_size=8),
)
languages = st.sampled_from([None, "en", "de", "pt-BR", "x y", ""])
notes = st.lists(st.builds(Note, text=texts, language=languages), max_size=3).map(tuple)
times = st.one_of(
    st.none(),
    st.datetimes(datetime(2001, 1, 1), datetime(2090, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC)),
    st.datetimes(
        timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))])
    ),
)
names = st.sampled_from(sorted(ACTIVITIES)) | st.sampled_from(
    ["lunch", "dnd", "alerting", "available", "note", "reachable"]
)
activities = st.lists(
    st.one_of(
        st.builds(Activity, names), st.builds(Activity, st.just("other"), texts), st.builds(Activity, texts)
    ),
    max_size=4,
).map(tuple)
moods = st.lists(
    st.builds(Mood, st.sampled_from(sorted(MOODS)), texts) | st.builds(Mood, texts), max_size=3
).map(tuple)
uses = st.none() | st.builds(
    UserInput, idle=st.booleans(), last_input=times, threshold=st.none() | st.integers(-5, 5000)
)
uris = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.sampled_from(["https://example.org/a%20b?c=d&e", "urn:uuid:f81d4fae", "x:%zz", "a b:c"]),
)
cipids = st.none() | st.builds(
    Cipid, card=uris, display_name=st.none() | texts, homepage=uris, icon=uris, map=uris, sound=uris
)
tokens = st.lists(
    st.sampled_from(["INVITE", "MESSAGE", "presence", "message-summary", "1x", "a b"]), max_size=3
).map(tuple)
flags = st.none() | st.booleans()
capabilities = st.none() | st.builds(
    Capabilities, audio=flags, video=flags, text=flags, message=flags, methods=tokens, event_packages=tokens
)
EXTENSIONS = [
    b'<x:thing xmlns:x="urn:example:thing" x:of="1">words &amp; more</x:thing>',
    b'<x:thing xmlns:x="urn:example:thing"><x:note>On the phone</x:note></x:thing>',
    b'<online xmlns="http://www.linphone.org/xsds/pidfonline.xsd"></online>',
    b'<w xmlns="urn:example:w"><rpid:away xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid"></rpid:away></w>',
    b'<x:thing xmlns="" xmlns:x="urn:example:thing"><bare></bare></x:thing>',
]
extensions = st.lists(st.sampled_from(EXTENSIONS), max_size=2).map(tuple)
identifiers = st.sampled_from(["t1", "t2", "ID-balcony", "p1", "6001", "a b", "sip:x@y", ""]) | st.text(
    max_size=6
)
contacts = st.one_of(
    uris,
    st.sampled_from([
        "sip:juliet@example.com", "sip:juliet@example.com;gr=balcony", "sip:juliet@192.0.2.7:5070;transport=tcp",
        "xmpp:juliet@example.com",
    ]),
)  # fmt: skip
services = st.builds(
    Tuple,
    id=identifiers,
    basic=st.sampled_from([None, Basic.OPEN, Basic.OPEN, Basic.CLOSED]),
    show=st.none() | st.sampled_from(Show),
    extended=st.none() | st.sampled_from(["available", "away", "busy", "offline", "odd"]) | texts,
    contact=contacts,
    priority=st.none() | st.floats(-1, 2) | st.sampled_from([0.0, 0.007, 0.5, 0.992, 1.0]),
    notes=notes,
    timestamp=times,
    device_id=uris,
    user_input=uses,
    service_class=st.none() | st.sampled_from(sorted(SERVICE_CLASSES)) | texts,
    relationship=st.none() | st.sampled_from(sorted(RELATIONSHIPS)) | texts,
    class_=st.none() | texts,
    status_icon=uris,
    capabilities=capabilities,
    cipid=cipids,
    status_extensions=extensions,
    extensions=extensions,
)
persons = st.builds(
    Person,
    id=identifiers,
    activities=activities,
    moods=moods,
    mood_note=st.none() | texts,
    activity_note=st.none() | texts,
    place_types=st.lists(st.sampled_from(sorted(PLACE_TYPES)) | texts, max_size=2).map(tuple),
    sphere=st.none() | st.sampled_from(sorted(SPHERES)) | texts,
    class_=st.none() | texts,
    time_offset=st.none() | st.integers(-900, 900),
    status_icon=uris,
    user_input=uses,
    cipid=cipids,
    notes=notes,
    timestamp=times,
    extensions=extensions,
)
devices = st.builds(
    Device,
    id=identifiers,
    device_id=st.sampled_from(["urn:uuid:f81d4fae-7dec", "urn:imei:35", "mac:1", "no urn"]),
    user_input=uses,
    class_=st.none() | texts,
    notes=notes,
    timestamp=times,
    extensions=extensions,
)
documents = st.builds(
    Presence,
    entity=st.sampled_from(
        [
            "sip:juliet@example.com",
            "pres:juliet@example.com",
            "sip:juliet@example.com;transport=UDP",
            "sip:o'h&a@example.com",
        ]
    ),
    tuples=st.lists(services, max_size=3).map(tuple),
    notes=notes,
    persons=st.lists(persons, max_size=2).map(tuple),
    devices=st.lists(devices, max_size=2).map(tuple),
    extensions=extensions,
)
simple_services = st.builds(
    Tuple,
    id=identifiers,
    basic=st.sampled_from([None, Basic.OPEN, Basic.CLOSED]),
    show=st.none() | st.sampled_from(Show),
    contact=st.sampled_from(["sip:juliet@example.com;gr=balcony", "sip:juliet@192.0.2.7", None]),
    priority=st.sampled_from([None, 0.0, 0.5, 1.0]),
    notes=st.sampled_from([(), (Note(text="Away"),), (Note(text="At my desk", language="en"),)]),
)
crowds = st.builds(
    Presence,
    entity=st.just("sip:juliet@example.com"),
    tuples=st.lists(simple_services, min_size=8, max_size=12).map(tuple),
    persons=st.lists(persons, max_size=1).map(tuple),
)
"""Documents with more tuples than pjsip keeps."""
