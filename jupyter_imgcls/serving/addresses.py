"""Addresses at which services listen and are reached."""

from __future__ import annotations

import ipaddress
import socket

__all__ = ["is_loopback", "listen", "root_url"]


def is_loopback(host: str | None) -> bool:
    """Whether a host's name stands for this machine, seen from itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def listen(host: str, port: int, backlog: int | None = None) -> socket.socket:
    """A socket that listens at an address of this machine.

    Parameters
    ----------
    host : str
        Name or IPv4 or IPv6 address.
    port : int
        0 takes a free one.
    backlog : int, optional
        Connections that may wait to be accepted.

    Raises
    ------
    OSError
        If that is not an address of this machine, or the port is in use.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=backlog)


def root_url(host: str, port: int) -> str:
    """``http://host:port``, as an IPv6 address needs it, too."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
