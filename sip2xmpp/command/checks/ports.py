"""The ports: are they free, or held by this gateway, may this user have them, and does the world find them?

A port is tried by binding it for a moment, which nobody notices, because nothing listens on it meanwhile.
"""

import errno
import os
import socket
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

from sip2xmpp.command.checks.findings import Finding, Scene, Topic
from sip2xmpp.command.checks.holders import holder_of_port
from sip2xmpp.sip.flow import HostPort, Transport
from sip2xmpp.sip.udp import local_address_toward

topic = Topic(name="ports")

PRIVILEGED: Final = 1024
BRIDGES: Final = ip_network("172.16.0.0/12")
"""Where container bridges have their addresses unless told otherwise."""

CONTAINERS: Final = (Path("/.dockerenv"), Path("/run/.containerenv"))
SERVICE_MANAGER: Final = 1


def look(scene: Scene) -> Iterator[Finding]:
    """Look at every port of the configuration."""
    config = scene.config
    for index, each in enumerate(config.sip.listen):
        kind = socket.SOCK_DGRAM if each.transport is Transport.UDP else socket.SOCK_STREAM
        yield _port(scene, f"sip.listen[{index}]", str(each), kind, HostPort(each.interface, each.port))
    if config.http is not None:
        yield _port(scene, "http.listen", f"tcp:{config.http.listen}", socket.SOCK_STREAM, config.http.listen)
    yield from _reach(scene)


def _port(scene: Scene, about: str, told: str, kind: socket.SocketKind, place: HostPort) -> Finding:
    trouble = _try(kind, place)
    if trouble is None:
        if scene.is_running:
            return topic.warning(
                about,
                f"the gateway runs, and nobody listens at {told}",
                "restart it if the configuration was changed; else see its log",
            )
        return topic.fine(about, f"{told} is free")
    if trouble == errno.EADDRINUSE:
        holder = holder_of_port(kind, place.host, place.port)
        ours = (scene.process, SERVICE_MANAGER)
        if scene.is_running and (holder is None or not holder.process or holder.process in ours):
            return topic.fine(about, f"{told} is held by the gateway")
        if scene.is_running and scene.process is None:
            return topic.fine(about, f"{told} is held by {holder}")
        return topic.fault(
            about,
            f"{told} is held by {holder or 'somebody'}",
            "stop that program, or let one of the two listen elsewhere",
        )
    if trouble == errno.EACCES:
        return topic.warning(
            about,
            f"this user may not listen at {told}: ports below {PRIVILEGED} need a right",
            "give the service CAP_NET_BIND_SERVICE (AmbientCapabilities in the unit), or use a higher port",
        )
    if trouble == errno.EADDRNOTAVAIL:
        return topic.fault(
            about,
            f"{place.host} is no address of this machine",
            "use one that it has (ip address), or 0.0.0.0 for all",
        )
    return topic.fault(
        about, f"{told} cannot be had: {os.strerror(trouble)}", "see whether the address is right"
    )


def _try(kind: socket.SocketKind, place: HostPort) -> int | None:
    """What is in the way, as an ``errno``; None if nothing is."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    try:
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:
                # connections that have just ended are no hindrance to a listener
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        return error.errno or errno.EINVAL
    return None


def _reach(scene: Scene) -> Iterator[Finding]:
    """By which address others reach what listens."""
    interfaces = [ip_address(each.interface) for each in scene.config.sip.listen]
    if all(interface.is_loopback for interface in interfaces):
        yield topic.warning(
            "sip.listen",
            "only programs on this machine reach the gateway by SIP",
            "listen at 0.0.0.0, or at an address that phones can reach",
        )
        return
    if not any(interface.is_unspecified for interface in interfaces):
        return
    try:
        ours = ip_address(local_address_toward("192.0.2.1"))
    except OSError:
        yield topic.warning(
            "sip.listen",
            "this machine has no route to elsewhere",
            "see its network; SIP peers are reached by routes",
        )
        return
    if any(each.exists() for each in CONTAINERS) and ours in BRIDGES:
        yield topic.warning(
            "sip.listen",
            f"this is a container with the address {ours}, which Via and Contact carry and nobody outside reaches",
            "give the container the network of the host (--network host), or an address of its own",
        )
    elif ours.is_private:
        yield topic.fine(
            "sip.listen",
            f"Via and Contact carry {ours}, which peers in the same network reach; others need a SIP proxy at its edge",
        )
    else:
        yield topic.fine("sip.listen", f"Via and Contact carry {ours}")
