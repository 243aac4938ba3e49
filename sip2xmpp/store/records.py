"""The rows of durable state, one frozen value per kind.

Every record has a ``key`` (unique in its table), a ``group`` (what it is looked up by) and ``expires_at`` (Unix time
in seconds, or None for never).  The store removes what has expired and says so in its change feed.

Tens of thousands are held and thousands a second are made, so they are small and cheap: text that many records have
alike is one object when it comes from the file, and nothing is kept that can be derived.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, TypeVar, dataclass_transform

from sip2xmpp.address import Address

T = TypeVar("T")

Common = Annotated[str, "common"]
"""Text that many records of a kind have alike: held once for all that are loaded."""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen_record(kind: type[T]) -> type[T]:
    """A dataclass that is frozen for the type checker only.

    At run time refusing assignments would cost more than all the rest of making a dialog's record: 1.5 of 2.4 us.
    """
    return dataclass(slots=True, kw_only=True, unsafe_hash=True)(kind)


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


@frozen_record
class Account:
    """A SIP user of one of our domains.  Only digest hashes: H(user:realm:password) in lower-case hex.

    The ``_address`` pair is that of clients which give ``user@domain`` as the user name; empty means none is known.
    """

    address: Address
    realm: Common
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


@frozen_record
class Publication:
    """One published document (RFC 3903): event state until ``expires_at``.

    The part of the ``etag`` before ``~`` names the publication as long as it lives; the rest is another one after
    every change of it.  So a change is one row written over, and not one removed and one added.
    """

    presentity: Address
    package: Common
    etag: str
    source: str
    content_type: Common
    document: bytes
    user_agent: Common
    published_at: float
    expires_at: float

    @property
    def key(self) -> str:
        return publication_key(self.etag)

    @property
    def group(self) -> str:
        return str(self.presentity)


def publication_key(etag: str) -> str:
    """The key of the publication that an entity tag is of."""
    return etag.partition("~")[0]


@frozen_record
class DialogRecord:
    """A notification dialog of either role (RFC 6665), enough to go on after a restart.

    ``role`` tells whose it is: ``notifier``, ``subscriber`` and others.  URIs and header values are kept as they were written.
    ``cseq_ceiling`` is a local CSeq number that is certainly not used yet: a restarted process continues above it.
    ``flow`` is ``transport local-host local-port peer-host peer-port`` of the last request, blank separated.
    ``terms`` is what the watcher asked for beyond being told (``events.terms``), empty for nothing.
    ``local_tag`` is ours, random, and alone names the dialog among all that we have.
    """

    role: Common
    call_id: str
    local_tag: str
    remote_tag: str
    watcher: Address
    presentity: Address
    event: Common
    local_uri: Common
    remote_uri: str
    remote_target: str
    route_set: tuple[str, ...]
    cseq_ceiling: int
    remote_cseq: int
    flow: str
    accept: Common
    user_agent: Common
    expires_at: float
    terms: Common = ""

    @property
    def key(self) -> str:
        return self.local_tag

    @property
    def group(self) -> str:
        return str(self.presentity)

    def refreshed(
        self,
        *,
        remote_target: str,
        remote_cseq: int,
        flow: str,
        accept: str,
        user_agent: str,
        expires_at: float,
        terms: str = "",
    ) -> "DialogRecord":
        """The record after a refresh; ``dataclasses.replace`` does the same in four times as long."""
        return DialogRecord(
            role=self.role,
            call_id=self.call_id,
            local_tag=self.local_tag,
            remote_tag=self.remote_tag,
            watcher=self.watcher,
            presentity=self.presentity,
            event=self.event,
            local_uri=self.local_uri,
            remote_uri=self.remote_uri,
            remote_target=remote_target,
            route_set=self.route_set,
            cseq_ceiling=self.cseq_ceiling,
            remote_cseq=remote_cseq,
            flow=flow,
            accept=accept,
            user_agent=user_agent,
            expires_at=expires_at,
            terms=terms,
        )


@frozen_record
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


@frozen_record
class Binding:
    """A registered contact of an address of record (RFC 3261, section 10).  ``params`` are its header parameters.

    ``reg_id`` is 0 unless it is one of several flows of its device (RFC 5626).  ``event`` is what happened to it last, in the
    words of RFC 3680.  ``source`` are the marks by which the device is known again when it publishes.  ``direct``: the device
    itself is at the other end of ``flow``.  ``gruu``: it knows what a GRUU is.  ``silent``: it took back what it had
    published.  ``registrar`` is empty for who registered here, and else the URI of the registrar that told us of it: it is
    where requests for this contact go.
    """

    aor: Address
    contact: str
    params: str
    q: float
    call_id: str
    cseq: int
    path: tuple[str, ...]
    flow: str
    user_agent: Common
    instance: str
    reg_id: int
    registered_at: float
    expires_at: float
    display: str = ""
    event: Common = "registered"
    source: str = ""
    direct: bool = False
    gruu: bool = False
    registrar: Common = ""
    silent: bool = False

    @property
    def key(self) -> str:
        key = f"{self.aor} {self.contact}"
        return f"{key} {self.instance} {self.reg_id}" if self.reg_id else key

    @property
    def group(self) -> str:
        return str(self.aor)


@frozen_record
class Verdict:
    """What an owner decided about a watcher: ``allow``, ``confirm``, ``polite-block`` or ``block``."""

    presentity: Address
    watcher: Address
    handling: Common
    decided_at: float
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return f"{self.presentity} {self.watcher}"

    @property
    def group(self) -> str:
        return str(self.presentity)


@frozen_record
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


@frozen_record
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


@frozen_record
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


@frozen_record
class Statement:
    """What a program, or the owner, states about a presentity without SIP: injected or permanent presence.

    ``source`` names it among the statements about one presentity.  ``rank`` is a value of ``presence.hearing.Rank``,
    ``document`` a PIDF document, ``told_by`` who said it.  ``changed_at`` is when its content last changed, and
    ``begins_at`` when it begins to hold.
    """

    presentity: Address
    source: str
    rank: int
    document: bytes
    told_by: Common
    changed_at: float
    expires_at: float | None = None
    begins_at: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.presentity} {self.source}"

    @property
    def group(self) -> str:
        return str(self.presentity)


@frozen_record
class Virtual:
    """An address of ours that has no account, but about which something was stated once: it stays known."""

    address: Address
    since: float
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return str(self.address)

    @property
    def group(self) -> str:
        return self.address.domain


@frozen_record
class Waiting:
    """A watcher about whom the owner has not decided, kept until then also when it is not subscribed any more."""

    presentity: Address
    watcher: Address
    package: Common
    asked_at: float
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return f"{self.presentity} {self.package} {self.watcher}"

    @property
    def group(self) -> str:
        return str(self.presentity)


@frozen_record
class Card:
    """What is known about a person beside presence; an empty string says nothing.

    ``picture`` is a whole image file, ``icon`` the URL of one for those who cannot be given a file.
    """

    address: Address
    full_name: str = ""
    nickname: str = ""
    url: str = ""
    email: str = ""
    phone: str = ""
    organization: str = ""
    title: str = ""
    description: str = ""
    picture: bytes = b""
    picture_type: Common = ""
    icon: str = ""
    expires_at: float | None = None

    @property
    def key(self) -> str:
        return str(self.address)

    @property
    def group(self) -> str:
        return self.address.domain


@frozen_record
class Registrant:
    """A Jabber user who registered with one of our component domains (XEP-0100); ``sip`` is the SIP user that it proved to be.

    Nobody, and so the empty string, for one who uses the gateway without a SIP account.  ``proof`` is a print of the hash of
    the password that proved it, ``added`` what the gateway added to the roster.
    """

    jid: str
    domain: Common
    sip: str
    since: float
    expires_at: float | None = None
    proof: str = ""
    added: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.jid} {self.domain}"

    @property
    def group(self) -> str:
        return self.jid
