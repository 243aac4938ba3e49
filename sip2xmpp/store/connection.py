"""Opening the SQLite file, with every fault said as a sentence about the operator's setting.

WAL with ``synchronous=NORMAL``: a commit survives the death of the process, readers never wait for the writer, and
the disk is only waited for at a checkpoint.  After a power failure the file is whole, and ends at a commit.

One gateway at a time owns the file: it holds a ``flock`` on a file beside it, which the kernel releases however the
process ends.  The operator's command does not take it; SQLite's own locks order the two writers.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sip2xmpp.errors import ConfigError

BUSY_SECONDS = 5.0
"""How long a writer waits for another one; the operator's command holds the file for milliseconds."""

TRIES, PAUSE = 10, 0.02
"""How often the claim to a file is made, and seconds between."""


def connect(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection in autocommit mode that any one thread at a time may use; creates an empty file, mode 0600.

    Made by root, the file belongs to the owner of its directory.
    """
    if not path.parent.is_dir():
        raise ConfigError(
            [f"gateway.state: the directory {path.parent} does not exist; create it for this user"]
        )
    if path.is_dir():
        raise ConfigError([f"gateway.state: {path} is a directory; name a file in it"])
    try:
        # Only ever opened here when it is new: closing any descriptor of a file drops the locks SQLite has on it.
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        if os.geteuid() == 0:
            # An operator adds users as root before the gateway, which is not root, has ever run.
            owner = path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        os.close(descriptor)
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError([f"gateway.state: {path} cannot be created: {error.strerror}"]) from error
    if not os.access(path, os.R_OK | os.W_OK) or not os.access(path.parent, os.W_OK):
        raise ConfigError([f"gateway.state: this user may not write {path} and files beside it"])
    try:
        connection = sqlite3.connect(
            path, timeout=busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise ConfigError(
                [f"gateway.state: the file system of {path} cannot share memory; use a local disk"]
            )
        connection.execute("PRAGMA synchronous=NORMAL")
    except sqlite3.Error as error:
        raise ConfigError([f"gateway.state: {path} cannot be used: {error}"]) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Begin as a writer; commit when the block ends well, else roll back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if (
            connection.in_transaction
        ):  # SQLite has rolled back by itself after some faults, a full disk among them
            connection.execute("ROLLBACK")
        raise


def holder_of(path: Path) -> int | None:
    """The process that is the gateway of a state file; None if there is none, or it may not be known."""
    try:
        descriptor = os.open(_lock_of(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        written = os.read(descriptor, 20).strip()
        return int(written) if written.isdigit() else None
    finally:
        os.close(descriptor)
    return None


def _lock_of(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


class Claim:
    """The right to be the gateway of a state file."""

    def __init__(self, path: Path) -> None:
        beside = _lock_of(path)
        try:
            self._descriptor = os.open(beside, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError([f"gateway.state: {beside} cannot be opened: {error.strerror}"]) from error
        try:
            self._lock()
        except BlockingIOError as error:
            holder = os.read(self._descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise ConfigError(
                [f"gateway.state: {path} is in use by another gateway, process {holder}"]
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)

    def _lock(self) -> None:
        """Wait a little: whoever looks whether there is a gateway (``holder_of``) has the lock for a moment."""
        for left in reversed(range(TRIES)):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not left:
                    raise
                time.sleep(PAUSE)
            else:
                return

    def release(self) -> None:
        """Let another gateway have it.  The lock file stays: removing it would race with whoever opens it."""
        os.close(self._descriptor)
