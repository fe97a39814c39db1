"""Image search: from a text query to the URLs of images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import httpx

from ..errors import CollectError

__all__ = ["HttpSearchProvider", "SearchProvider"]


@runtime_checkable
class SearchProvider(Protocol):
    """An image search for `collect`."""

    @property
    def name(self) -> str:
        """Name of the provider, for messages and to tell its results from those of others."""

    def search(self, query: str, count: int) -> list[str]:
        """URLs of images.

        Parameters
        ----------
        query : str
            What to search for.
        count : int
            Maximum number of URLs.

        Raises
        ------
        CollectError
            If the search fails; the message is shown to the user.
        """


@dataclass(frozen=True)
class HttpSearchProvider:
    """An image search that answers GET requests with JSON.

    The defaults fit services that speak the protocol of the former Bing image search:
    ``GET <endpoint>?q=<query>&count=<count>`` with the key in a header, answered with
    ``{"value": [{"contentUrl": "https://..."}]}``.

    Parameters
    ----------
    endpoint : str
        URL of the service. It may have a query string of its own.
    key : str
        Your secret key for the service. It is sent in a header and never shown.
    name : str
        See `SearchProvider`.
    key_header : str
        Name of that header.
    results : str
        Path of the URLs in the answer: names joined by dots; lists on the path are searched.
    timeout : float
        Seconds to wait for a connection, and for the next bytes of an answer.

    Raises
    ------
    CollectError
        If the endpoint is not an http(s) URL, or the key is empty or not valid in a header.

    Examples
    --------
    >>> from jupyter_imgcls.data.search import HttpSearchProvider
    >>> provider = HttpSearchProvider("https://images.example/v7/search", key="secret")
    >>> provider
    HttpSearchProvider(endpoint='https://images.example/v7/search', name='search')
    """

    endpoint: str
    key: str = field(repr=False)
    name: str = "search"
    key_header: str = field(default="Ocp-Apim-Subscription-Key", repr=False)
    results: str = field(default="value.contentUrl", repr=False)
    timeout: float = field(default=20.0, repr=False)

    def __post_init__(self) -> None:
        try:
            parsed = httpx.URL(self.endpoint)
        except httpx.InvalidURL as error:
            raise CollectError(f"The search endpoint is not a valid URL: {error}.") from error
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise CollectError(
                f"The search endpoint is {self.endpoint!r}: give its http:// or https:// URL."
            )
        if not self.key or not self.key.isascii() or not self.key.isprintable():
            raise CollectError("The search key is empty or not plain text: pass key=...")

    def search(self, query: str, count: int) -> list[str]:
        """URLs of images; see `SearchProvider.search`."""
        url = httpx.URL(self.endpoint).copy_merge_params({"q": query, "count": count})
        try:
            answer = httpx.get(url, headers={self.key_header: self.key}, timeout=self.timeout)
        except httpx.HTTPError as error:
            raise CollectError(f"{self.name} did not answer: {error}") from error
        if answer.status_code in (401, 403):
            raise CollectError(f"{self.name} rejected the key (status {answer.status_code})")
        if answer.status_code != httpx.codes.OK:
            raise CollectError(f"{self.name} answered with status {answer.status_code}")
        try:
            found = list(_texts_at(answer.json(), self.results.split(".")))
        except ValueError as error:
            raise CollectError(f"{self.name} did not return JSON") from error
        return found[:count]


def _texts_at(value: object, names: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts_at(item, names)
    elif names and isinstance(value, dict):
        yield from _texts_at(value.get(names[0]), names[1:])
    elif not names and isinstance(value, str):
        yield value
