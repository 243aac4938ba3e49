"""Why something could not be done, in the language of the visitor, where those who refuse know none.

What a page refuses by itself is in the right language already.
"""

from typing import Final

from sip2xmpp.errors import BadAddress, NoSuchPresentity, Refused, StorageFailed, TooMany
from sip2xmpp.pages.languages import N_
from sip2xmpp.pages.visit import Visit
from sip2xmpp.portal.problems import Problem
from sip2xmpp.xcap.conditions import PreconditionFailed
from sip2xmpp.xcap.conflicts import Conflict
from sip2xmpp.xcap.contact_list import Taken, Unknown
from sip2xmpp.xcap.documents import TooLarge

_TOLD: Final[tuple[tuple[type[Exception], str], ...]] = (
    (
        PreconditionFailed,
        N_(
            "Your list was changed by another device in the meantime. Nothing was overwritten; look at it and try again."
        ),
    ),
    (Taken, N_("There is a group of this name already.")),
    (Unknown, N_("There is no such group in your list.")),
    (TooLarge, N_("There is no room for more in your list.")),
    (TooMany, N_("There is no room for more.")),
    (Conflict, N_("Your list cannot be kept like this.")),
    (NoSuchPresentity, N_("There is no such user.")),
    (StorageFailed, N_("This could not be stored. Try again in a minute.")),
    (BadAddress, N_("This is no address, as in juliet@jabber.example.")),
)
_PROBLEMS: Final = {
    404: N_("Nothing was decided there."),
    409: N_("There is no room for more, or what is kept cannot be read."),
    422: N_("This is no address, as in juliet@jabber.example."),
}


class Said(Refused):
    """A refusal of a page, in the language of the visitor."""


def fault_told(visit: Visit, error: Exception) -> str:
    """What to tell of an error."""
    if isinstance(error, Problem):
        known = _PROBLEMS.get(error.status)
    else:
        known = next((text for kind, text in _TOLD if isinstance(error, kind)), None)
    return str(error) if known is None else visit.translate(known)
