"""What operators are told of one notification dialog, whichever side of it we are."""

from dataclasses import dataclass

from sip2xmpp.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogReport:
    """One dialog; times are Unix times.

    ``role`` is ``notifier`` or ``subscriber``.  ``state`` is what the other end was told, or told us: ``waiting``, ``pending``,
    ``active``, ``ending``; a subscriber also ``asking``, ``live`` and ``leaving``.  ``next_at`` is when something happens by itself,
    and ``next_what`` says what.  ``failures`` are those in a row.
    """

    role: str
    watcher: Address
    presentity: Address
    event: str
    state: str
    call_id: str
    expires_at: float
    next_what: str
    next_at: float
    local_cseq: int
    remote_cseq: int
    flow: str
    remote_target: str
    user_agent: str = ""
    under_way: bool = False
    failures: int = 0
