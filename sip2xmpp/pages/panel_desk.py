"""What the pages of operators have in common: who may what, doing it, writing it down, and asking before.

Whatever changes something is done by a service of ``portal``, which says in a sentence what it did.  That sentence goes into the
audit log with who did it and from where, and the browser is sent on to a page that says so.  What is refused is said on the page
from which it was asked.

Nobody gets more rights by what he may do to accounts: who has no role of his own that includes another's cannot touch that account.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from sip2xmpp.address import Address
from sip2xmpp.errors import BadAddress, BadInput, Refused, StorageFailed
from sip2xmpp.pages.answers import Answer, Moved, Shown
from sip2xmpp.pages.roles import Role
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.problems import Problem
from sip2xmpp.store.interface import Store

ADDRESS_LIMIT: Final = 1_000
"""Characters of an address that somebody types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked before something dangerous is done: ``facts`` are what will happen, ``yes`` is on the button.

    ``to`` is where the form goes, ``fields`` what it carries, ``back`` is where who does not want it goes.
    """

    title: str
    facts: Sequence[str]
    yes: str
    to: str
    back: str
    fields: Mapping[str, str]


class Desk:
    """``role_of`` says what a user is beside being one."""

    def __init__(self, store: Store, audit: Audit, role_of: Callable[[Address], Role | None]) -> None:
        self.store = store
        self.audit = audit
        self._role_of = role_of

    async def does(
        self,
        visit: Visit,
        doing: Coroutine[Any, Any, str],
        *,
        about: object,
        to: str,
        told: str,
        back: str = "",
    ) -> Answer:
        """Do it, write it down, and go on to the page ``to``, which says ``told``; what is refused is told at ``back``."""
        try:
            what = await doing
            self._record(visit, what, about)
            await self.store.committed()
        except (BadInput, Refused, Problem) as error:
            return Moved(back or to, str(error), bad=True)
        except StorageFailed as error:
            # it is in force all the same
            self._record(visit, f"change something at {visit.path}, which could not be stored yet", about)
            return Moved(back or to, str(error), bad=True)
        return Moved(to, told)

    def _record(self, visit: Visit, what: str, about: object) -> None:
        self.audit.record(who=visit.who, by="page", what=what, about=str(about), peer=visit.peer)

    def is_above(self, visit: Visit, address: Address) -> bool:
        """Whether an account has a role that is not included in that of the visitor."""
        role = self._role_of(address)
        return role is not None and (visit.role is None or not visit.role.includes(role))


def shown(visit: Visit, template: str, **values: object) -> Shown:
    """A page of operators; templates know by ``keeps_users`` and ``operates`` which buttons to show."""
    return Shown(
        f"panel/{template}",
        {"keeps_users": may(visit, Role.HELPDESK), "operates": may(visit, Role.OPERATOR), **values},
    )


def asked(visit: Visit, question: Question) -> Shown:
    """The page that asks before something dangerous is done."""
    return shown(visit, "confirm", question=question)


def may(visit: Visit, role: Role) -> bool:
    """Whether the visitor may do what ``role`` may."""
    return visit.role is not None and visit.role.includes(role)


def address_in(text: str) -> Address:
    """The address that somebody typed or that stands in a path; raises ``BadInput``."""
    address = Address.parse(text.strip()[:ADDRESS_LIMIT])
    if not address.local:
        raise BadAddress(f"{text[:100]} is no address, as in alice@sip.example.org is")
    return address


def path_of(*parts: object) -> str:
    """A path below ``/panel`` in which whatever the parts hold is quoted."""
    return "/panel/" + "/".join(quote(str(part), safe="@:~") for part in parts)
