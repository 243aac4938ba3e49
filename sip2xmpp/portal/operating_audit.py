"""The audit log as operators read it: the newest line first, all of it or what concerns one address or somebody."""

from twisted.internet.interfaces import IReactorTime

from sip2xmpp.portal.audit import MOST, Audit
from sip2xmpp.portal.rows import Found, Wanted
from sip2xmpp.store.keeping import Deed


class AuditRows:
    """Lines of the audit log."""

    def __init__(self, audit: Audit, clock: IReactorTime) -> None:
        self._audit = audit
        self._clock = clock

    async def found(self, wanted: Wanted, *, about: str = "", who: str = "", by: str = "") -> Found[Deed]:
        """The newest first; ``match`` is looked for in everything that a line says.  There are ten thousand at most."""
        match = wanted.match.casefold()
        lines = [
            deed
            for deed in _after(self._audit.latest(MOST, about), wanted.after)
            if who in ("", deed.who)
            and by in ("", deed.by)
            and match in f"{deed.who} {deed.by} {deed.what} {deed.about} {deed.peer}".casefold()
        ]
        rows = tuple(lines[: wanted.limit])
        return Found(rows=rows, next=rows[-1].id if rows and len(lines) > len(rows) else "")


def _after(lines: list[Deed], name: str) -> list[Deed]:
    """What follows the line with this id; where that is gone, what is older."""
    if not name:
        return lines
    for index, deed in enumerate(lines):
        if deed.id == name:
            return lines[index + 1 :]
    return [deed for deed in lines if deed.id < name]
