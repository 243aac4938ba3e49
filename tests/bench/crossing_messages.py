"""SIP as the measurement inside one process writes it: forms to be filled in, and the answer to a NOTIFY."""

from typing import Final

ECHOED: Final = frozenset({b"Via", b"Fro", b"To:", b"Cal", b"CSe"})
"""How the header lines begin that a response repeats."""

SUBSCRIBE: Final = (
    b"SUBSCRIBE %(presentity)b SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP %(here)b;rport;branch=z9hG4bK-load-%(number)d\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <%(watcher)b>;tag=w%(number)d\r\n"
    b"To: <%(presentity)b>\r\n"
    b"Call-ID: watcher-%(index)d@%(here)b\r\n"
    b"CSeq: 1 SUBSCRIBE\r\n"
    b"Contact: <sip:watcher@%(here)b>\r\n"
    b"Event: presence\r\n"
    b"Accept: application/pidf+xml\r\n"
    b"User-Agent: load/1\r\n"
    b"Expires: 3600\r\n"
    b"Content-Length: 0\r\n\r\n"
)

PUBLISH: Final = (
    b"PUBLISH %(presentity)b SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP %(here)b;rport;branch=z9hG4bK-load-%(number)d\r\n"
    b"Max-Forwards: 70\r\n"
    b"From: <%(presentity)b>;tag=p%(number)d\r\n"
    b"To: <%(presentity)b>\r\n"
    b"Call-ID: publish-%(number)d@%(here)b\r\n"
    b"CSeq: 1 PUBLISH\r\n"
    b"Event: presence\r\n"
    b"%(condition)b"
    b"User-Agent: load/1\r\n"
    b"Expires: 3600\r\n"
    b"Content-Type: application/pidf+xml\r\n"
    b"Content-Length: %(length)d\r\n\r\n%(body)b"
)

DOCUMENT: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
    b' xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="%(presentity)b">\n'
    b'<tuple id="t1"><status><basic>open</basic></status>'
    b'<contact priority="0.8">%(presentity)b</contact>'
    b'<note xml:lang="en">change-%(change)09d</note>'
    b"<timestamp>2026-01-27T16:49:29Z</timestamp></tuple>\n"
    b'<dm:person id="p1"><rpid:activities><rpid:on-the-phone/></rpid:activities>'
    b"<rpid:mood><rpid:happy/></rpid:mood><rpid:place-type><rpid:office/></rpid:place-type>"
    b"<dm:note>In a meeting until three, back on the phone after</dm:note>"
    b"<dm:timestamp>2026-01-27T16:49:29Z</dm:timestamp></dm:person>\n"
    b"</presence>\n"
)


def taken(request: bytes) -> bytes:
    """The 200 to a NOTIFY."""
    head, _, _ = request.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if line[:3] in ECHOED]
    return b"SIP/2.0 200 OK\r\n%b\r\nContent-Length: 0\r\n\r\n" % b"\r\n".join(lines)
