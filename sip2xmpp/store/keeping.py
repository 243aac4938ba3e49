"""The rows of those who use and keep the gateway: who is signed in, which programs may do what, and who did what."""

from secrets import token_hex

from sip2xmpp.store.records import Common, frozen_record


@frozen_record
class Session:
    """Somebody who has signed in to the pages.

    ``digest`` is the SHA-256 of what the cookie has, in lower-case hex, and nothing that the cookie could be made of.
    ``csrf`` is what forms of this session carry.  ``seen_at`` is when it was used last, within some minutes.
    ``proof`` is a print of the account's hash: with another password it is another one.
    """

    digest: str
    address: str
    csrf: str
    began_at: float
    seen_at: float
    expires_at: float | None
    peer: str = ""
    user_agent: Common = ""
    proof: str = ""

    @property
    def key(self) -> str:
        return self.digest

    @property
    def group(self) -> str:
        return self.address


@frozen_record
class Grant:
    """A token of the API that an operator made while the gateway runs, beside those of the configuration.

    ``digest`` is the SHA-256 of the token in lower-case hex.  ``addresses`` are patterns, ``may`` are values of
    ``portal.tokens.Right``.
    """

    name: str
    digest: str
    addresses: tuple[str, ...]
    may: tuple[str, ...]
    made_by: Common
    made_at: float
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return self.name

    @property
    def group(self) -> str:
        return ""


@frozen_record
class Deed:
    """One line of the audit log: ``who`` did ``what``, ``by`` which way (page, API, command), from the address ``peer``, to ``about``."""

    id: str
    at: float
    who: Common
    by: Common
    peer: Common
    what: str
    about: str
    expires_at: float | None

    @property
    def key(self) -> str:
        return self.id

    @property
    def group(self) -> str:
        return self.about


KEPT = 366 * 86_400
"""Seconds that a line of the audit log is kept."""


def make_deed(at: float, *, who: str, by: str, what: str, about: str = "", peer: str = "") -> Deed:
    """A line of the audit log that is written at ``at``, in Unix time."""
    return Deed(
        id=f"{at:.6f} {token_hex(4)}",
        at=at,
        who=who,
        by=by,
        peer=peer,
        what=what,
        about=about,
        expires_at=at + KEPT,
    )
