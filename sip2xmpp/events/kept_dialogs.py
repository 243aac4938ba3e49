"""Our own subscriptions in the store, so that a restarted process goes on in their dialogs.

A dialog is there from its first NOTIFY on and gone with the subscription.  CSeq numbers are stored as a ceiling that is
raised by a block, so that a refresh does not need a write of its own.

Implements: RFC 6665 section 4.1 (a subscriber that persists its dialogs goes on in them).
"""

from collections.abc import Iterator
from typing import Any

from sip2xmpp.events.outgoing import CSEQ_BLOCK, Outgoing, Phase
from sip2xmpp.sip.dialog import Dialog
from sip2xmpp.store.interface import Store
from sip2xmpp.store.records import DialogRecord


class KeptDialogs:
    """The stored dialogs of one ``role``, which tells one owner's from another's."""

    def __init__(self, store: Store, role: str) -> None:
        self._dialogs = store.dialogs
        self._role = role

    def keep(self, subscription: Outgoing[Any]) -> None:
        """Make the stored dialog true after a change of the subscription."""
        dialog = subscription.dialog
        key = dialog.local_tag
        if subscription.phase is Phase.OVER:
            self._dialogs.remove(key)
            return
        if not dialog.remote_tag:
            return
        held = self._dialogs.get(key)
        ceiling = held.cseq_ceiling if held is not None else 0
        if dialog.local_cseq >= ceiling:
            ceiling = dialog.local_cseq + CSEQ_BLOCK
        self._dialogs.put(self._record(subscription, ceiling))

    def of(self, presentity: str) -> Iterator[DialogRecord]:
        """What is kept of the subscriptions to ``presentity``."""
        return (record for record in self._dialogs.select(presentity) if record.role == self._role)

    def all(self) -> list[DialogRecord]:
        """Everything that is kept; for start-up."""
        return [record for record in self._dialogs.all() if record.role == self._role]

    def forget(self, record: DialogRecord) -> None:
        """Drop a dialog that nobody goes on in."""
        self._dialogs.remove(record.key)

    def _record(self, subscription: Outgoing[Any], ceiling: int) -> DialogRecord:
        dialog = subscription.dialog
        flow = subscription.flow
        return DialogRecord(
            role=self._role,
            call_id=dialog.call_id,
            local_tag=dialog.local_tag,
            remote_tag=dialog.remote_tag,
            watcher=subscription.watcher,
            presentity=subscription.presentity,
            event=subscription.package.event,
            local_uri=dialog.local_uri,
            remote_uri=dialog.remote_uri,
            remote_target=dialog.remote_target,
            route_set=tuple(dialog.route_set),
            cseq_ceiling=ceiling,
            remote_cseq=dialog.remote_cseq,
            flow=flow.to_text() if flow is not None else "",
            accept="",
            user_agent="",
            expires_at=subscription.expires_at,
        )


def dialog_of(record: DialogRecord, local_cseq: int) -> Dialog:
    """The dialog to go on in, when ``local_cseq`` is the last number that may have been used."""
    return Dialog(
        call_id=record.call_id,
        local_tag=record.local_tag,
        remote_tag=record.remote_tag,
        local_uri=record.local_uri,
        remote_uri=record.remote_uri,
        remote_target=record.remote_target,
        route_set=record.route_set,
        local_cseq=local_cseq,
        remote_cseq=record.remote_cseq,
    )
