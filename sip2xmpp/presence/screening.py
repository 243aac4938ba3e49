"""Which extension elements may be passed on to a watcher.

Extensions are kept octet for octet, but two kinds are held back.  Location is only passed on when its owner's usage rules
allow retransmission, which is not the default.  And in profiles for everyday clients nothing passes that a client which
searches text, or looks for names in any namespace, would take for a state.

Implements: RFC 4119 section 2.2.2 (retransmission-allowed); RFC 3863 section 4.2.
"""

import re

from sip2xmpp.presence.profiles import Profile

_LOCATION = re.compile(rb"urn:ietf:params:xml:ns:pidf:geopriv10")
_MAY_PASS = re.compile(rb"retransmission-allowed[^<>]*>\s*(?:true|yes|1)\s*<", re.IGNORECASE)
_MISLEADING = re.compile(
    rb"<(?:[A-Za-z_][\w.-]*:)?(?:presence|tuple|status|basic|person|device|activities|note|away|busy|on-the-phone|idle|"
    rb"extended|show|online|user-input)[\s/>]",
    re.IGNORECASE,
)


def passed(extensions: tuple[bytes, ...], profile: Profile) -> tuple[bytes, ...]:
    """The extensions that this profile sends."""
    if not extensions or not profile.foreign:
        return ()
    return tuple(octets for octets in extensions if _passes(octets, profile))


def _passes(octets: bytes, profile: Profile) -> bool:
    if _LOCATION.search(octets) is not None and _MAY_PASS.search(octets) is None:
        return False
    return profile.true_to_rpid or _MISLEADING.search(octets) is None
