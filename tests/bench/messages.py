"""What the load generator writes, and the little that it reads: octets, prepared as far as they can be.

A generator has to be cheaper than what it measures, so nothing is parsed that need not be.  Who is meant is read from tokens
of fixed width that the generator itself has put there: the branch of a response, the Request-URI of a NOTIFY (the watcher's
Contact), the mark in a published note.
"""

import re
from typing import Final

MARK: Final = re.compile(rb"change-(\d{9})")
"""In a NOTIFY: which change its document shows."""
MARKED: Final = b"change-%09d"
MARK_BEGINS: Final = b"change-"
MARK_LENGTH: Final = 16

FIRST_NUMBER: Final = 100_000_000
"""Requests are numbered from here, so that all numbers have nine digits."""
BRANCH: Final = b"branch=z9hG4bK-load-"
NUMBER_LENGTH: Final = 9

WATCHER_BEGINS: Final = len(b"NOTIFY sip:w")
WATCHER_ENDS: Final = WATCHER_BEGINS + 6
"""Where in a NOTIFY the index of the watcher is."""

TO_TAG: Final = re.compile(rb"\r\nTo:[^\r]*;tag=([^;\s]+)")
CONTACT: Final = re.compile(rb"\r\nContact:[^\r]*<([^>]+)>")

SUBSCRIBE: Final = (
    b"SUBSCRIBE %(target)b SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP %(here)b;branch=z9hG4bK-load-%(number)d;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <%(watcher)b>;tag=w%(index)06d\r\n"
    b"To: <%(presentity)b>%(tag)b\r\n"
    b"Call-ID: watcher-%(index)06d@%(here)b\r\n"
    b"CSeq: %(number)d SUBSCRIBE\r\n"
    b"Contact: <sip:w%(index)06d@%(here)b>\r\n"
    b"Event: presence\r\n"
    b"Accept: application/pidf+xml\r\n"
    b"User-Agent: load/1\r\n"
    b"Expires: %(expires)d\r\n"
    b"Content-Length: 0\r\n\r\n"
)

PUBLISH: Final = (
    b"PUBLISH %(presentity)b SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP %(here)b;branch=z9hG4bK-load-%(number)b;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <%(presentity)b>;tag=p1\r\n"
    b"To: <%(presentity)b>\r\n"
    b"Call-ID: publish-%(presentity)b\r\n"
    b"CSeq: %(number)b PUBLISH\r\n"
    b"Event: presence\r\n"
    b"%(condition)b"
    b"User-Agent: load/1\r\n"
    b"Expires: 3600\r\n"
)
WITH_DOCUMENT: Final = b"Content-Type: application/pidf+xml\r\nContent-Length: %d\r\n\r\n"
WITHOUT: Final = b"Content-Length: 0\r\n\r\n"

DOCUMENT: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
    b' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="%(presentity)b">\n'
    b'<tuple id="t1"><status><basic>open</basic></status>'
    b'<contact priority="0.8">%(presentity)b</contact>'
    b'<note xml:lang="en">%(mark)b</note>'
    b"<timestamp>2026-01-27T16:49:29Z</timestamp></tuple>\n"
    b'<dm:person id="p1"><rpid:activities><rpid:on-the-phone/></rpid:activities>'
    b"<rpid:mood><rpid:happy/></rpid:mood><rpid:place-type><rpid:office/></rpid:place-type>"
    b"<dm:note>In a meeting until three, back on the phone after</dm:note>"
    b"<dm:timestamp>2026-01-27T16:49:29Z</dm:timestamp></dm:person>\n"
    b"</presence>\n"
)

ECHOED: Final = frozenset({b"Fro", b"To:", b"Cal"})
"""How the header lines begin that the answers to all NOTIFYs of a dialog share; both servers write full names."""


def header(octets: bytes, name: bytes) -> bytes:
    """The value of a header written as ``name``; empty if there is none."""
    begins = octets.find(b"\r\n%b: " % name)
    if begins < 0:
        return b""
    begins += len(name) + 4
    return octets[begins : octets.index(b"\r\n", begins)]


def shared(notify: bytes) -> bytes:
    """The end of the 200 to a NOTIFY and to all later ones in its dialog: what is left are Via and CSeq."""
    head, _, _ = notify.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if line[:3] in ECHOED]
    return b"\r\n%b\r\nContent-Length: 0\r\n\r\n" % b"\r\n".join(lines)
