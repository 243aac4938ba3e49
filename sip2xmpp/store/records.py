"""The rows of durable state, one frozen value per kind.

Every record has a ``key`` (unique in its table), a ``group`` (what it is looked up by) and ``expires_at`` (Unix time
in seconds, or None for never).  The store removes what has expired and says so in its change feed.
"""

from dataclasses import dataclass
from enum import Enum

from sip2xmpp.address import Address


class Kind(Enum):
    """How the contact (the watched) of an authorization is told to its watcher; see ``bridge.authorization``."""

    NONE = "none"
    PENDING = "pending"
    AUTHORIZED = "authorized"
    DENIED = "denied"


class Side(Enum):
    """Which side of an authorization is the Jabber user."""

    JABBER_WATCHES = "jabber-watches"
    SIP_WATCHES = "sip-watches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A SIP user of one of our domains.  Only digest hashes: H(user:realm:password) in lower-case hex.

    The ``_address`` pair is that of clients which give ``user@domain`` as the user name; empty means none is known.
    """

    address: Address
    realm: str
    ha1_md5: str
    ha1_sha256: str
    ha1_md5_address: str = ""
    ha1_sha256_address: str = ""
    disabled: bool = False
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return str(self.address)

    @property
    def group(self) -> str:
        return self.address.domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One published document (RFC 3903): event state until ``expires_at``."""

    presentity: Address
    package: str
    etag: str
    source: str
    content_type: str
    document: bytes
    user_agent: str
    published_at: float
    expires_at: float

    @property
    def key(self) -> str:
        return self.etag

    @property
    def group(self) -> str:
        return str(self.presentity)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogRecord:
    """A notification dialog of either role (RFC 6665), enough to go on after a restart.

    ``role`` is ``notifier`` or ``subscriber``.  URIs and header values are kept as they were written.
    ``cseq_ceiling`` is a local CSeq number that is certainly not used yet: a restarted process continues above it.
    ``flow`` is ``transport local-host local-port peer-host peer-port`` of the last request, blank separated.
    """

    role: str
    call_id: str
    local_tag: str
    remote_tag: str
    watcher: Address
    presentity: Address
    event: str
    local_uri: str
    remote_uri: str
    remote_target: str
    route_set: tuple[str, ...]
    cseq_ceiling: int
    remote_cseq: int
    flow: str
    accept: str
    user_agent: str
    expires_at: float

    @property
    def key(self) -> str:
        return f"{self.role} {self.call_id} {self.local_tag}"

    @property
    def group(self) -> str:
        return str(self.presentity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """The presence authorization of one (watcher, contact) pair, permanent until withdrawn (RFC 6121, appendix A).

    One of the two is a Jabber user.  ``watcher_jid`` and ``contact_jid`` are the bare JIDs exactly as they are
    used on the XMPP side, so that a roster item added in direct or encapsulated form is answered in that form.
    ``asked_at`` is when the unanswered request was last sent.
    """

    side: Side
    watcher: Address
    contact: Address
    watcher_jid: str
    contact_jid: str
    state: Kind
    asked_at: float = 0.0
    decided_at: float = 0.0
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return f"{self.watcher_jid} {self.contact_jid}"

    @property
    def group(self) -> str:
        """The bare JID of the Jabber user, whichever side it is on."""
        return self.watcher_jid if self.side is Side.JABBER_WATCHES else self.contact_jid


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A registered contact of an address of record (RFC 3261, section 10).  ``params`` are its header parameters."""

    aor: Address
    contact: str
    params: str
    q: float
    call_id: str
    cseq: int
    path: tuple[str, ...]
    flow: str
    user_agent: str
    instance: str
    reg_id: int
    registered_at: float
    expires_at: float

    @property
    def key(self) -> str:
        return f"{self.aor} {self.contact}"

    @property
    def group(self) -> str:
        return str(self.aor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an owner decided about a watcher: ``allow``, ``confirm``, ``polite-block`` or ``block``."""

    presentity: Address
    watcher: Address
    handling: str
    decided_at: float
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return f"{self.presentity} {self.watcher}"

    @property
    def group(self) -> str:
        return str(self.presentity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """The user part of a SIP address as first seen, where folding to a JID lost its case."""

    address: Address
    user: str
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return str(self.address)

    @property
    def group(self) -> str:
        return self.address.domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A key that has to outlive the process: what was signed with it before a restart is believed after it."""

    name: str
    value: bytes
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return self.name

    @property
    def group(self) -> str:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A conversation: an XMPP thread and the SIP Call-ID it is carried in (RFC 7572, section 4)."""

    call_id: str
    thread: str
    jabber: str
    sip: Address
    local_tag: str
    cseq: int
    expires_at: float

    @property
    def key(self) -> str:
        return self.call_id

    @property
    def group(self) -> str:
        return f"{self.jabber} {self.sip}"
