"""The state file: can it be written, is there room, is it ours and of a version we know, and who uses it?

It is looked at without being opened for writing, and not made where there is none.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sip2xmpp.command.checks.findings import Finding, Scene, Topic
from sip2xmpp.store.opening import state_path
from sip2xmpp.store.schema import MIGRATIONS

topic = Topic(name="state")

LITTLE: Final = 512 * 1024 * 1024
NOTHING: Final = 32 * 1024 * 1024
"""Octets of free disk below which it is said."""

REMOTE: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs", "fuse.glusterfs"}
)
"""File systems on which two processes cannot share memory."""

KEY: Final = "gateway.state"


def look(scene: Scene) -> Iterator[Finding]:
    """Look at it."""
    path = state_path(scene.config.gateway.state)
    if path is None:
        yield topic.warning(
            KEY,
            "memory: forgets accounts and decisions at exit",
            "name a file, as in sqlite:/var/lib/sip2xmpp/state.db",
        )
        return
    yield from _user(scene, path)
    if not path.parent.is_dir():
        yield topic.fault(
            KEY,
            f"the directory {path.parent} does not exist",
            "create it, for the user that the gateway runs as",
        )
        return
    if not os.access(path.parent, os.W_OK | os.X_OK):
        yield topic.fault(
            KEY,
            f"this user may not write in {path.parent}",
            "run the check as the user of the gateway, or give that user the directory",
        )
    yield from _disk(path)
    if not path.exists():
        yield topic.fine(KEY, f"{path} is made at the first start")
    elif not os.access(path, os.R_OK | os.W_OK):
        yield topic.fault(
            KEY, f"this user may not read and write {path}", "give the file to the user of the gateway"
        )
    else:
        yield from _file(scene, path)


def _user(scene: Scene, path: Path) -> Iterator[Finding]:
    """Who uses it."""
    if scene.process is not None:
        yield topic.fine(KEY, f"the gateway, process {scene.process}, uses {path}")
        if scene.health is None and scene.config.http is not None:
            yield topic.fault(
                "http.listen",
                f"process {scene.process} uses the state file and does not answer at {scene.config.http.listen}",
                "see its log; it may hang, or have been started with another configuration",
            )
    elif scene.health is not None:
        yield topic.warning(
            KEY,
            "a gateway answers at http.listen, and does not use this state file, or that cannot be seen by this user",
            "see whether it was started with another configuration",
        )


def _disk(path: Path) -> Iterator[Finding]:
    kind = _file_system(path.parent)
    if kind in REMOTE:
        yield topic.fault(KEY, f"{path.parent} is on {kind}, which cannot share memory", "use a local disk")
    free = shutil.disk_usage(path.parent).free
    room = f"{free // 2**30} GiB" if free >= 10 * 2**30 else f"{free // 2**20} MiB"
    told = f"{room} are free in {path.parent}"
    if free < NOTHING:
        yield topic.fault(KEY, told, "make room: without it nothing is acknowledged any more")
    elif free < LITTLE:
        yield topic.warning(KEY, told, "make room before it is used up")
    else:
        yield topic.fine(KEY, told)


def _file_system(folder: Path) -> str:
    """The kind of file system that a folder is on; empty where nobody says."""
    found, longest = "", -1
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        place = Path(before.split()[4].replace("\\040", " "))
        if folder.absolute().is_relative_to(place) and len(place.parts) >= longest:
            found, longest = after.split()[0], len(place.parts)
    return found


def _file(scene: Scene, path: Path) -> Iterator[Finding]:
    if path.stat().st_mode & 0o077:
        yield topic.warning(
            KEY,
            f"others than its owner may read {path}, which holds what passwords are checked by",
            f"chmod 600 {path}",
        )
    try:
        version = _version(path)
    except sqlite3.Error as error:
        yield topic.fault(KEY, f"{path} cannot be read: {error}", "restore a backup, or name another file")
        return
    known = 1 + len(MIGRATIONS)
    if version is None:
        yield topic.fault(KEY, f"{path} is a database of another program", "name another file")
    elif version > known:
        yield topic.fault(
            KEY,
            f"{path} has version {version}, and this program knows up to {known}",
            "run the newer release, or restore a backup made before the upgrade",
        )
    elif version < known:
        yield topic.fine(KEY, f"{path} has version {version}, and is brought to {known} at the next start")
    else:
        yield topic.fine(KEY, f"{path} has the present version")
        yield from _people(scene, path)


def _version(path: Path) -> int | None:
    """The version of its tables; None if it is not ours.  An empty file is as good as none."""
    with _reading(path) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return 1 + len(MIGRATIONS)
        if "schema_version" not in tables:
            return None
        row = connection.execute("SELECT version FROM schema_version").fetchone()
        return int(row[0]) if row is not None else None


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, only to be read."""
    # without a log beside it nobody writes it, and SQLite must not make one for us
    how = "mode=ro" if path.with_name(path.name + "-wal").exists() else "immutable=1"
    connection = sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=2)
    try:
        yield connection
    finally:
        connection.close()


def _people(scene: Scene, path: Path) -> Iterator[Finding]:
    """Has everybody who is named in the configuration an account?"""
    with _reading(path) as connection:
        known = {row[0] for row in connection.execute("SELECT key FROM accounts")}
    config = scene.config
    if not known and config.sip.domains:
        yield topic.warning(
            "accounts", "there are none, so nobody can register or sign in", "sip2xmpp user add NAME@DOMAIN"
        )
        return
    for name in config.http.roles if config.http is not None else ():
        if name not in known:
            yield topic.warning(
                "http.roles", f"{name} has no account, and so cannot sign in", f"sip2xmpp user add {name}"
            )
