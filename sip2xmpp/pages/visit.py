"""One request for a page, with everything about it checked: who, from where, what was filled in, and in which language."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from sip2xmpp.address import Address
from sip2xmpp.pages.forms import Form
from sip2xmpp.pages.languages import Language
from sip2xmpp.pages.roles import Role
from sip2xmpp.store.keeping import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request.  ``session`` and ``user`` are None only where a page is for ``anybody``.

    ``places`` is what stood in {braces} of the path, percent-decoded, and ``query`` the last value of each parameter.
    ``zone`` is that in which times are shown and meant.
    """

    session: Session | None
    user: Address | None
    role: Role | None
    peer: str
    secure: bool
    method: str
    path: str
    places: Mapping[str, str]
    query: Mapping[str, str]
    form: Form
    language: Language
    zone: tzinfo
    user_agent: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)

    @property
    def me(self) -> Address:
        """Who is signed in; only for pages that are not for anybody."""
        assert self.user is not None
        return self.user

    @property
    def who(self) -> str:
        """As the audit log names whoever does something here."""
        return str(self.user)

    def translate(self, text: str, **values: object) -> str:
        """A text of the catalogue in the language of the visitor, with ``%(name)s`` filled in."""
        return self.language.text(text, **values)
