"""The page ``/my``: how I am seen, everything that says something about me, and the forms by which I say it myself."""

from sip2xmpp.pages.answers import Answer, Shown
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.sources import Sources


class MyPresence:
    """The pages of it."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def pages(self) -> list[Page]:
        """The rows of the table."""
        return [
            Page(method="GET", path="/my", serve=self._show, name="presence", label=N_("Presence")),
        ]

    async def _show(self, visit: Visit) -> Answer:
        return Shown("presence", {"known": self._sources.told(visit.me)})
