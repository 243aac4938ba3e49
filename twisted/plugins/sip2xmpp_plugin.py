"""Tells ``twistd`` about the gateway; everything else is in ``sip2xmpp.service``."""

from twisted.application.service import ServiceMaker

sip2xmpp = ServiceMaker(
    "sip2xmpp",
    "sip2xmpp.service",
    "A presence gateway between SIP and XMPP.",
    "sip2xmpp",
)
