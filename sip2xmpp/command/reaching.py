"""How a command reaches the gateway of its configuration: by its web port, with or without TLS, or by a signal.

The port is on this machine, and whoever may listen there could do so as well where no TLS is spoken; so the certificate is not
looked at.  It could not be compared with the one in the file either: a renewed one is in the file before the gateway is told.
"""

import os
import ssl
import urllib.request
from ipaddress import ip_address
from signal import Signals

from sip2xmpp.config import Config
from sip2xmpp.errors import ConfigError, Unreachable
from sip2xmpp.sip.flow import HostPort
from sip2xmpp.store.connection import holder_of
from sip2xmpp.store.opening import state_path


def base_url(config: Config) -> str:
    """Where the gateway of this configuration answers; an address that means "all" is reached by loopback."""
    if config.http is None:
        raise ConfigError(["http: is not configured, so the gateway cannot be asked"])
    host, port = config.http.listen
    address = ip_address(host)
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    scheme = "http" if config.http.certificate is None else "https"
    return f"{scheme}://{HostPort(host, port)}"


def opener() -> urllib.request.OpenerDirector:
    """What makes requests to this machine: by no proxy."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )


def send_signal(config: Config, number: Signals) -> int:
    """Signal the gateway that uses the state file of this configuration; gives its process.  Raises ``Unreachable``."""
    path = state_path(config.gateway.state)
    process = None if path is None else holder_of(path)
    if process is None:
        raise Unreachable("no gateway is running with this configuration")
    try:
        os.kill(process, number)
    except PermissionError:
        raise Unreachable(f"this user may not signal the gateway, process {process}") from None
    except ProcessLookupError:
        raise Unreachable(f"the gateway, process {process}, has just ended") from None
    return process
