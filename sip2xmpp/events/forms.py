"""The forms in which state is told to a watcher, and those of presence: a document, a part of it, its changes.

A ``Form`` writes bodies; the notifier caches what it wrote by the form's name, so that all watchers alike share it.  Forms of
presence are put together: ``PresenceForm`` writes a document in a profile, ``FilteredForm`` leaves of that what the filters of
a watcher want, and ``PartialForm`` says what changed in what either of them writes.

Implements: RFC 5263 sections 4.1 to 4.3 (partial notification); RFC 4660 section 5.3 (filtered content).
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, Protocol, cast

from sip2xmpp.documents import pidf_diff
from sip2xmpp.documents.event_filter import Filter
from sip2xmpp.documents.filtering import is_pulled, kept
from sip2xmpp.documents.presence import Presence
from sip2xmpp.events.renderings import render
from sip2xmpp.presence.profiles import Profile
from sip2xmpp.presence.watching import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A message body and its Content-Type."""

    content_type: str
    octets: bytes


class Form(Protocol):
    """How the state of a package is told to a kind of watcher.  There is one object for all watchers alike.

    With ``numbered``, what a watcher is sent depends on what it was sent before, or counts: ``body`` gets the number of
    the NOTIFY in its subscription (from 0, one more each time; it skips some at a restart) and what the watcher
    was told before, None if it has to learn everything: at first, after each SUBSCRIBE, and when the NOTIFY before this
    one brought no body or was not taken.  Otherwise they are 0 and None, and what was written is kept for the next watcher.
    """

    @property
    def name(self) -> str: ...
    @property
    def numbered(self) -> bool: ...

    def body(self, told: Told[Any], before: Told[Any] | None, entity: str, number: int) -> Body | None:
        """What the watcher is sent; ``entity`` is the URI it subscribed to.  None when there is nothing to say."""


class Comparing:
    """A numbered form that can cheaply write the whole state, and so knows whether two notifications look the same.

    An ordinary class: each rendering asks for it, and to compare with a protocol takes longer than to write a document.
    """

    __slots__ = ()

    @abstractmethod
    def whole(self, told: Told[Any], entity: str) -> Body | None:
        """The state in full, not numbered."""


class Portioned:
    """A numbered form whose state is told in as many NOTIFYs as it takes: of a list with many members.

    Each NOTIFY carries a *portion*, which is the state as its reader knows it afterwards; the next one carries what then is
    missing.  A watcher is told that this is another kind of answer than it gets for one resource (``requires``).
    """

    __slots__ = ()

    requires: ClassVar[str]
    """The option tag in Require."""

    def event_of(self, said: str) -> str:
        """The Event header of the NOTIFYs; ``said`` is that of the SUBSCRIBE, as which it should be."""
        return said

    @abstractmethod
    def portion(self, newest: Told[Any], before: Told[Any] | None, entity: str) -> Told[Any]:
        """What the next NOTIFY brings its reader to, who knows ``before``; ``newest`` itself if all of it has room."""

    @abstractmethod
    def is_news(self, told: Told[Any], newest: Told[Any], entity: str) -> bool:
        """Whether one who knows ``told`` would see anything new in ``newest``."""

    @abstractmethod
    def tag(self, told: Told[Any], entity: str) -> str:
        """What identifies the whole of ``told``, as it is told in this form."""


class Filtering:
    """A package whose bodies can be filtered; what other packages make of the body of a SUBSCRIBE is their business."""

    @abstractmethod
    def filtered(self, form: Form, filters: tuple[Filter, ...]) -> Form:
        """The form that tells what these filters leave of ``form``."""


class Triggering:
    """A form for watchers who want to hear of some changes only."""

    __slots__ = ()

    @property
    @abstractmethod
    def has_triggers(self) -> bool:
        """Whether it is only told of changes that a trigger fires for."""

    @abstractmethod
    def is_pulled(self, before: Told[Any] | None, now: Told[Any], entity: str) -> bool:
        """Whether a trigger fires when ``now`` follows ``before``."""


@dataclass(frozen=True, slots=True)
class PresenceForm:
    """A presence document in one profile."""

    profile: Profile
    numbered: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return self.profile.name

    def body(
        self,
        told: Told[Presence],
        before: Told[Presence] | None,  # noqa: ARG002
        entity: str,
        number: int,  # noqa: ARG002
    ) -> Body | None:
        if told.document is None:
            return None
        content_type, octets = render(told, entity, self.profile)
        return Body(content_type=content_type, octets=octets)


class FilteredForm(Triggering):
    """What the filters of a watcher leave of a document in a profile of PIDF."""

    __slots__ = ("_filters", "_form", "name")

    numbered = False

    def __init__(self, form: PresenceForm, filters: Sequence[Filter]) -> None:
        self._form = form
        self._filters = tuple(filters)
        said = "".join(each.source for each in filters).encode()
        self.name = f"{form.name} {blake2b(said, digest_size=12).hexdigest()}"

    @property
    def has_triggers(self) -> bool:
        return bool(self._filters) and all(each.triggers for each in self._filters)

    def body(
        self,
        told: Told[Presence],
        before: Told[Presence] | None,
        entity: str,
        number: int,
    ) -> Body | None:
        body = self._form.body(told, before, entity, number)
        if body is None:
            return None
        key = f"{self.name} {entity}"
        octets = told.renderings.get(key)
        if octets is None:
            octets = told.renderings[key] = kept(body.octets, self._filters)
        return Body(content_type=body.content_type, octets=octets)

    def is_pulled(self, before: Told[Any] | None, now: Told[Any], entity: str) -> bool:
        """Whether a trigger fires when ``now`` follows ``before``."""
        after = self._form.body(now, None, entity, 0)
        known = None if before is None else self._form.body(before, None, entity, 0)
        if after is None or known is None:
            return True
        return is_pulled(known.octets, after.octets, self._filters)


class PartialForm(Comparing, Triggering):
    """The first document whole, and then what changed, as long as that is shorter."""

    __slots__ = ("form", "name")

    numbered = True

    def __init__(self, form: PresenceForm | FilteredForm) -> None:
        self.form = form
        self.name = f"{form.name} partial"

    @property
    def has_triggers(self) -> bool:
        return isinstance(self.form, FilteredForm) and self.form.has_triggers

    def whole(self, told: Told[Any], entity: str) -> Body | None:
        """The document in full, not numbered."""
        return self.form.body(told, None, entity, 0)

    def body(
        self, told: Told[Presence], before: Told[Presence] | None, entity: str, number: int
    ) -> Body | None:
        now = self.whole(told, entity)
        if now is None:
            return None
        known = None if before is None else self.whole(before, entity)
        octets = None if known is None else self._changes(told, known.octets, now.octets, entity, number)
        return Body(
            content_type=pidf_diff.CONTENT_TYPE,
            octets=pidf_diff.full(now.octets, number) if octets is None else octets,
        )

    def _changes(
        self, told: Told[Presence], before: bytes, now: bytes, entity: str, number: int
    ) -> bytes | None:
        """The diff if there is one that is shorter; what it says is found once for all watchers alike."""
        key = f"{self.name} {entity} {blake2b(before, digest_size=12).hexdigest()}"
        said = told.renderings.get(key)
        if said is None:
            said = told.renderings[key] = pidf_diff.operations(before, now) or b""
        made = pidf_diff.diff(said, number) if said else None
        return made if made is not None and len(made) < len(now) else None

    def is_pulled(self, before: Told[Any] | None, now: Told[Any], entity: str) -> bool:
        """Whether a trigger fires when ``now`` follows ``before``."""
        return cast(FilteredForm, self.form).is_pulled(before, now, entity)
