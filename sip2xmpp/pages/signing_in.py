"""Signing in and out, with the address and the password of a SIP account.

The password is looked at once and never kept; see ``passwords`` for what strangers may try, ``sessions`` for what comes of it.
"""

from sip2xmpp.errors import TooMany
from sip2xmpp.pages.answers import Answer, Moved, Shown
from sip2xmpp.pages.cookies import SESSION, STRANGER, cookie, cookie_name
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.passwords import Passwords, TooOften
from sip2xmpp.pages.paths import own_path
from sip2xmpp.pages.routes import Page
from sip2xmpp.pages.sessions import Sessions
from sip2xmpp.pages.strangers import Strangers
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.audit import Audit
from sip2xmpp.store.interface import Store

COOKIE_KEPT = 30 * 86_400
"""Seconds that the browser keeps the cookie; the session may end before."""


class SigningIn:
    """The pages of it."""

    def __init__(
        self,
        *,
        store: Store,
        sessions: Sessions,
        strangers: Strangers,
        passwords: Passwords,
        audit: Audit,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._strangers = strangers
        self._passwords = passwords
        self._audit = audit

    def pages(self) -> list[Page]:
        """The rows of the table."""
        return [
            Page(method="GET", path="/", serve=self._first, name="first", anybody=True),
            Page(method="GET", path="/sign-in", serve=self._ask, name="sign-in", anybody=True),
            Page(method="POST", path="/sign-in", serve=self._sign_in, name="sign-in", anybody=True),
            Page(method="POST", path="/sign-out", serve=self._sign_out, name="sign-out"),
            Page(method="GET", path="/my/sessions", serve=self._list, name="sessions"),
            Page(method="POST", path="/my/sessions", serve=self._end, name="sessions"),
        ]

    async def _first(self, visit: Visit) -> Answer:
        return Moved("/my" if visit.session is not None else "/sign-in")

    async def _ask(self, visit: Visit) -> Answer:
        if visit.session is not None:
            return Moved(own_path(visit.query.get("next", "")))
        return self._form(visit, "")

    def _form(self, visit: Visit, fault: str, status: int = 200) -> Answer:
        value = visit.cookies.get(cookie_name(STRANGER, secure=visit.secure), "")
        cookies: tuple[str, ...] = ()
        if not self._strangers.token_of(value):
            value = self._strangers.cookie()
            cookies = (cookie(STRANGER, value, secure=visit.secure, strict=True),)
        values = {
            "fault": fault,
            "token": self._strangers.token_of(value),
            "next": own_path(visit.form.text("next") or visit.query.get("next", "")),
            "name": visit.form.text("name", most=500) if fault else "",
            "out": visit.query.get("out") == "1",
            "old": visit.query.get("old") == "1",
            "domain": self._passwords.domain,
        }
        return Shown("sign_in", values, status, cookies=cookies)

    async def _sign_in(self, visit: Visit) -> Answer:
        if visit.session is not None:
            self._sessions.end(visit.session)
        try:
            account = self._passwords.check(
                visit.form.text("name", most=500), visit.form.secret("password"), visit.peer
            )
        except TooOften:
            fault = visit.translate(
                N_("There were too many wrong passwords. Please try again in some minutes.")
            )
            return self._form(visit, fault, 429)
        if account is None:
            fault = visit.translate(N_("This address and this password do not belong together."))
            return self._form(visit, fault, 403)
        try:
            value = self._sessions.begin(account, visit.peer, visit.user_agent)
        except TooMany:
            return self._form(visit, visit.translate(N_("Too many are signed in at the moment.")), 503)
        self._audit.record(
            who=str(account.address), by="page", what="signs in", about=str(account.address), peer=visit.peer
        )
        await self._store.committed()
        return Moved(
            own_path(visit.form.text("next")),
            cookies=(
                cookie(SESSION, value, secure=visit.secure, seconds=COOKIE_KEPT),
                cookie(STRANGER, "", secure=visit.secure, seconds=0, strict=True),
            ),
        )

    async def _sign_out(self, visit: Visit) -> Answer:
        assert visit.session is not None
        self._sessions.end(visit.session)
        self._audit.record(who=visit.who, by="page", what="signs out", about=visit.who, peer=visit.peer)
        await self._store.committed()
        return Moved("/sign-in?out=1", cookies=(cookie(SESSION, "", secure=visit.secure, seconds=0),))

    async def _list(self, visit: Visit) -> Answer:
        return Shown("sessions", {"sessions": self._sessions.held_by(visit.me)})

    async def _end(self, visit: Visit) -> Answer:
        """Sign out one other session, or all of them."""
        one = visit.form.text("session", most=64)
        if one:
            for held in self._sessions.held_by(visit.me):
                if held.digest == one:
                    self._sessions.end(held)
        else:
            self._sessions.end_all(visit.me, but=visit.session)
        what = "signs out another session" if one else "signs out all other sessions"
        self._audit.record(who=visit.who, by="page", what=what, about=visit.who, peer=visit.peer)
        await self._store.committed()
        return Moved("/my/sessions", visit.translate(N_("Signed out.")))
