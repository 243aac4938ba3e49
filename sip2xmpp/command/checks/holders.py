"""Which process holds a port, as Linux tells it in ``/proc``; nothing where it does not."""

import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, NamedTuple

_TABLES: Final = {
    socket.SOCK_STREAM: ("tcp", "tcp6"),
    socket.SOCK_DGRAM: ("udp", "udp6"),
}
_LISTENING: Final = {socket.SOCK_STREAM: "0A", socket.SOCK_DGRAM: "07"}


class Holder(NamedTuple):
    """A process and its name; 0 for one that this user may not look into."""

    process: int
    name: str

    def __str__(self) -> str:
        return f"{self.name}, process {self.process}" if self.process else "a process of another user"


def holder_of_port(kind: socket.SocketKind, host: str, port: int) -> Holder | None:
    """Who holds a port so that ``host`` cannot have it; None if nobody is seen to."""
    for inode, bound in _bound(kind, port):
        address = ip_address(host)
        if bound == address or bound.is_unspecified or address.is_unspecified:
            return _process_of(inode)
    return None


def _bound(kind: socket.SocketKind, port: int) -> Iterator[tuple[str, IPv4Address | IPv6Address]]:
    """Inode and address of every socket that is bound to a port."""
    for name in _TABLES[kind]:
        try:
            lines = Path("/proc/net", name).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            address, _, number = words[1].partition(":")
            if int(number, 16) == port and words[3] == _LISTENING[kind]:
                yield words[9], _address(address)


def _address(written: str) -> IPv4Address | IPv6Address:
    """An address as the kernel writes it: words of 32 bits in the order of the machine."""
    octets = b"".join(struct.pack("=I", int(written[at : at + 8], 16)) for at in range(0, len(written), 8))
    return ip_address(octets)


def _process_of(inode: str) -> Holder:
    wanted = f"socket:[{inode}]"
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(each.readlink()) == wanted for each in (folder / "fd").iterdir()):
                return Holder(int(folder.name), (folder / "comm").read_text("utf-8", "replace").strip())
        except OSError:
            continue  # ended meanwhile, or not for us to see
    return Holder(0, "")
