"""The token in the sign-in form: a browser that is not signed in has a random cookie, and the form a code made of it.

So nobody signs somebody else in by a form on another site.  Nothing is kept: the key is made when the gateway starts, and a page
from before has to be loaded again.
"""

import hashlib
import hmac
import secrets


class Strangers:
    """Makes cookies and the codes that go with them."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def cookie(self) -> str:
        """A new one."""
        return secrets.token_urlsafe(18)

    def token_of(self, value: str) -> str:
        """What a form has to carry beside this cookie; empty for none."""
        if not 20 <= len(value) <= 40:
            return ""
        return hmac.new(self._key, value.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
