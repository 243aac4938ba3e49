"""sip2xmpp joins SIP presence and XMPP presence in one Twisted process."""

__version__ = "0.1.0"
