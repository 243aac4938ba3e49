"""The command by which a Jabber user chooses departments, whose members are then contacts in a group of the roster.

Implements: XEP-0050, a command of this gateway.
"""

from functools import partial
from typing import Final

from sip2xmpp.bridge.departments import MOST_MEMBERS, Departments
from sip2xmpp.bridge.registrants import Registrants
from sip2xmpp.bridge.rosters import Way
from sip2xmpp.xmpp.commands import Outcome, Stage
from sip2xmpp.xmpp.forms import Answer, Field, FieldType, Form
from sip2xmpp.xmpp.stanza_errors import StanzaRefused

MOST_SHOWN: Final = 100
"""Lists in the form."""

_WENT: Final = {
    Way.NOTHING: "followed no more",
    Way.ROSTER: "removed from the roster",
    Way.SUGGESTED: "suggested to the client to remove",
    Way.ASKED: "followed no more; remove the contacts yourself",
}


class ChooseDepartments:
    """Follow lists, or follow them no more."""

    node, name = "departments", "Add a department"

    def __init__(self, *, departments: Departments, registrants: Registrants) -> None:
        self._departments = departments
        self._registrants = registrants

    def permits(self, requester: str) -> bool:
        """Who may know the lists."""
        return self._departments.permits(requester)

    async def begin(self, requester: str) -> Stage | Outcome:
        """Which there are."""
        names = self._departments.names()
        followed = self._departments.followed(requester)
        shown = dict([(name, names.get(name, name)) for name in followed] + list(names.items())[:MOST_SHOWN])
        if not shown:
            return Outcome(note="There are no departments")
        form = Form(
            title=self.name,
            instructions=(
                f"The members of what you choose become contacts, {MOST_MEMBERS} of each at most; they come and go as "
                "the department changes, and go when you choose it no more"
            ),
            fields=(
                Field(
                    name="departments",
                    type=FieldType.LIST_MULTI,
                    label="Departments",
                    options=tuple(
                        (f"{title} ({self._departments.count(name)})", name) for name, title in shown.items()
                    ),
                    values=tuple(followed),
                ),
            ),
        )
        return Stage(form=form, finish=partial(self._chosen, requester))

    async def _chosen(self, requester: str, answer: Answer) -> Outcome:
        chosen = set(answer.all("departments"))
        titles = self._departments.names()
        told = []
        for name in self._departments.followed(requester):
            if name not in chosen:
                way = await self._departments.unfollow(requester, name)
                told.append(f"{titles.get(name, name)}: {_WENT[way]}")
        for name in titles:
            if name in chosen and name not in self._departments.followed(requester):
                held = self._registrants.held_by(requester)
                if held is None or not self.permits(requester):
                    raise StanzaRefused("forbidden", "Register first", type_="cancel")
                way = await self._departments.follow(held, name)
                told.append(f"{titles[name]}: {way.value}")
        return Outcome(note="\n".join(told) or "Nothing was to do")
