"""Fetch one file from the web, limited in size and time, and never from a private address.

A name is resolved once, its addresses are checked, and the connection goes to a checked address:
a name whose address changes in between (DNS rebinding) gains nothing. Proxies are not used, as
they would resolve the name again.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

__all__ = [
    "Limits",
    "RefusedError",
    "fetch",
    "is_public",
    "retry_after",
    "web_client",
    "without_credentials",
]

_MAX_REDIRECTS = 5
_CONNECT_SECONDS = 10.0
BACKOFF_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
_BUSY = {408, 425, 429, 500, 502, 503, 504}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class RefusedError(Exception):
    """Why a URL gives no file; the message is the reason in plain words."""


class _BusyError(RefusedError):
    """The same request may work later; `wait` is how many seconds the server asks for, if any."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Limits:
    """How much a download may take; see `collect`."""

    max_bytes: int
    timeout: float
    retries: int
    allow_private_addresses: bool


def web_client(connections: int) -> httpx.AsyncClient:
    """A client for `fetch`: no redirects, no proxies, no cookies."""
    return httpx.AsyncClient(
        headers={"User-Agent": "jupyter_imgcls", "Accept-Encoding": "identity"},
        timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
        # Connections go to addresses: a kept one would serve another host name at that address.
        # A client with a transport of its own uses no proxy.
        transport=httpx.AsyncHTTPTransport(
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=0)
        ),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
    )


def without_credentials(url: str) -> str:
    """`url` without user name and password, safe to show."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return url
    return str(parsed.copy_with(userinfo=b"")) if parsed.userinfo else url


async def fetch(client: httpx.AsyncClient, url: str, limits: Limits, *, trusted: bool) -> bytes:
    """Contents of a file on the web.

    Parameters
    ----------
    client : httpx.AsyncClient
        From `web_client`.
    url : str
        ``http:`` or ``https:``, optionally with user name and password.
    limits : Limits
        How much it may take.
    trusted : bool
        Whether the user wrote the URL: then it may name a private address, but a redirect may not.

    Raises
    ------
    RefusedError
        If there is no such file, it is too large, or its address is not allowed.
    """
    for attempt in range(limits.retries + 1):
        try:
            return await asyncio.wait_for(_fetch(client, url, limits, trusted), limits.timeout)
        except asyncio.TimeoutError:
            busy = _BusyError(f"not complete after {limits.timeout:g} s")
        except _BusyError as error:
            busy = error
        except httpx.TransportError as error:
            busy = _BusyError(f"no complete answer: {str(error) or type(error).__name__}")
        if attempt < limits.retries:
            # Partly random, so that requests that failed together do not retry together.
            backoff = BACKOFF_SECONDS * 2**attempt * random.uniform(0.5, 1)
            await asyncio.sleep(min(max(busy.wait or 0.0, backoff), LONGEST_WAIT_SECONDS))
    raise RefusedError(str(busy))


async def _fetch(client: httpx.AsyncClient, text: str, limits: Limits, trusted: bool) -> bytes:
    url = _parsed(text)
    start, auth = _origin(url), (url.username, url.password) if url.userinfo else None
    for hop in range(_MAX_REDIRECTS + 1):
        private = limits.allow_private_addresses or (trusted and hop == 0)
        same = auth if _origin(url) == start else None
        async with _opened(client, url, same, private) as response:
            if not response.has_redirect_location:
                _check_status(response)
                return await _content(response, limits.max_bytes)
        url = _parsed(str(url.join(response.headers["Location"])))
    raise RefusedError(f"more than {_MAX_REDIRECTS} redirects")


def _parsed(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise RefusedError(f"not a valid URL: {error}") from error
    if url.scheme not in ("http", "https"):
        raise RefusedError(f"only http:// and https:// URLs are fetched, not {url.scheme}://")
    if not url.host:
        raise RefusedError("the URL has no host")
    return url


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port


@asynccontextmanager
async def _opened(
    client: httpx.AsyncClient, url: httpx.URL, auth: tuple[str, str] | None, private: bool
) -> AsyncIterator[httpx.Response]:
    """The answer to a GET request, sent to a checked address of the URL's host."""
    host = url.raw_host.decode("ascii")
    failed = ""
    for address in await _addresses(host, url.port or 0, private):
        request = client.build_request(
            "GET",
            # Without user name and password: httpx logs what it sends.
            url.copy_with(host=address, userinfo=b""),
            headers={"Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": host},
        )
        try:
            response = await client.send(request, auth=auth, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            failed = str(error) or "timed out"
            continue
        try:
            yield response
        finally:
            await response.aclose()
        return
    raise RefusedError(f"cannot connect to {host}: {failed}")


async def _addresses(host: str, port: int, private: bool) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise RefusedError(f"the host name {host} is not known ({error})") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not private and not all(is_public(address) for address in addresses):
        raise RefusedError(
            f"{host} is a private address, which only URLs that you wrote yourself may use: pass "
            "allow_private_addresses=True if you trust the source"
        )
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet, or wraps an IPv4 address that is."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if wrapped is not None:
            ip = wrapped
    return ip.is_global and not ip.is_multicast


def _check_status(response: httpx.Response) -> None:
    status = f"the server answered {response.status_code} {response.reason_phrase}".rstrip()
    if response.status_code in _BUSY:
        raise _BusyError(status, retry_after(response.headers.get("Retry-After", "")))
    if response.status_code != httpx.codes.OK:
        raise RefusedError(status)


def retry_after(header: str) -> float | None:
    """Seconds to wait, from a Retry-After header with a number or a date."""
    if header.isdecimal():
        return float(header)
    try:
        return email.utils.parsedate_to_datetime(header).timestamp() - time.time()
    except ValueError:  # no date, or no header
        return None


async def _content(response: httpx.Response, max_bytes: int) -> bytes:
    too_large = RefusedError(f"larger than {max_bytes:,} bytes")
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > max_bytes:
            raise too_large
    return bytes(content)
