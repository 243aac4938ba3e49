"""The page ``/my/password``: another password for one's own account, for whoever knows the one that it has.

Wrong ones are counted as those of strangers are, so that a session that was left open is no place to guess.  All sessions end by the
change, and the browser in which it was made gets a new one.
"""

from sip2xmpp.errors import BadInput, TooMany
from sip2xmpp.pages.answers import Answer, Moved, Shown
from sip2xmpp.pages.cookies import SESSION, cookie
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.passwords import Passwords, TooOften
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.sessions import Sessions
from sip2xmpp.pages.signing_in import COOKIE_KEPT
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.audit import Audit
from sip2xmpp.portal.operating_users import LONGEST_PASSWORD, checked
from sip2xmpp.store.accounts import with_password
from sip2xmpp.store.interface import Store

PATH = "/my/password"


class OwnPassword:
    """The page."""

    def __init__(self, store: Store, sessions: Sessions, passwords: Passwords, audit: Audit) -> None:
        self._store = store
        self._sessions = sessions
        self._passwords = passwords
        self._audit = audit

    def pages(self) -> list[Page]:
        """The rows of the table."""
        return [
            Page(method="GET", path=PATH, serve=self._ask, name="password"),
            Page(method="POST", path=PATH, serve=self._change, name="password"),
        ]

    async def _ask(self, visit: Visit) -> Answer:
        return self._form({}, is_done=visit.query.get("done") == "1")

    def _form(self, faults: dict[str, str], status: int = 200, *, is_done: bool = False) -> Answer:
        return Shown("password", {"faults": faults, "most": LONGEST_PASSWORD, "is_done": is_done}, status)

    async def _change(self, visit: Visit) -> Answer:
        new = visit.form.secret("new")
        try:
            checked(new)
        except BadInput:
            told = visit.translate(
                N_("A password has 1 to %(most)s characters that can be typed."), most=LONGEST_PASSWORD
            )
            return self._form({"new": told}, 422)
        if new != visit.form.secret("again"):
            return self._form({"again": visit.translate(N_("The two are not the same."))}, 422)
        try:
            account = self._passwords.prove(visit.me, visit.form.secret("current"), visit.peer)
        except TooOften:
            told = visit.translate(
                N_("There were too many wrong passwords. Please try again in some minutes.")
            )
            return self._form({"current": told}, 429)
        if account is None:
            return self._form({"current": visit.translate(N_("This is not your password."))}, 403)
        account = with_password(account, new)
        self._store.accounts.put(account)
        self._audit.record(
            who=visit.who, by="page", what="set another password", about=visit.who, peer=visit.peer
        )
        try:
            value = self._sessions.begin(account, visit.peer, visit.user_agent)
        except TooMany:
            value = ""
        await self._store.committed()
        return Moved(
            f"{PATH}?done=1",
            cookies=(cookie(SESSION, value, secure=visit.secure, seconds=COOKIE_KEPT if value else 0),),
        )
