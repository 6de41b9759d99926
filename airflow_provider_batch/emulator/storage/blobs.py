"""
A small client of Blob storage over addresses with a signature (SAS), for nodes and for application packages.

Every call waits for the network, so none belongs under the engine's lock. Every error is a
:class:`BlobError` whose class says the cause; a file that cannot be read or written here is an ``OSError`` as
ever. No address with a signature stands in an error's text or in a log.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from ipaddress import ip_address
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree

from airflow_provider_batch.emulator.storage.sas import VERSION, masked

TIMEOUT_SECONDS = 60.0
"""How long the server may be silent."""

_CHUNK_BYTES = 1024 * 1024
_MAX_LIST_BYTES = 32 * 1024 * 1024
#: codes of the service, whatever the status
_DENIED = frozenset(
    {
        "AuthenticationFailed",
        "AuthorizationFailure",
        "AuthorizationPermissionMismatch",
        "AuthorizationProtocolMismatch",
        "AuthorizationResourceTypeMismatch",
        "AuthorizationServiceMismatch",
        "InsufficientAccountPermissions",
        "InvalidAuthenticationInfo",
        "NoAuthenticationInformation",
        "PublicAccessNotPermitted",
    }
)


class BlobError(Exception):
    """
    Storage did not do what it was asked; this very class: for a reason that has no class of its own.

    :param url: masked in the text.
    :param code: the service's code when it gave one, otherwise a few words.
    :param status: HTTP status; None when there was no answer.
    """

    def __init__(self, url: str, code: str, status: int | None = None) -> None:
        shown = "" if status is None else f" (HTTP {status})"
        super().__init__(f"{masked(url)}: {code}{shown}")
        self.code = code
        self.status = status


class BlobNotFoundError(BlobError):
    """There is no such blob, or nothing at the address."""


class ContainerNotFoundError(BlobError):
    """There is no such container, or it is being deleted."""


class BlobAccessDeniedError(BlobError):
    """The signature is wrong, over, absent, or does not allow it."""


class BlobConflictError(BlobError):
    """What is there forbids it: a lease, a condition, another kind of blob."""


class BlobTimedOutError(BlobError):
    """No answer in time."""


@dataclass(frozen=True)
class BlobEntry:
    """One blob of a list; the size is in bytes."""

    name: str
    size_bytes: int


def download(url: str, to_path: Path, *, timeout_seconds: float = TIMEOUT_SECONDS) -> int:
    """
    Read an address, a blob's or any other of HTTP, into a file, which is replaced if it exists.

    After an error the file may hold a part.

    :param to_path: in a folder that exists.
    :return: number of bytes.
    :raises BlobError: see the module; ``OSError``: the file cannot be written.
    """
    with _request("GET", url, timeout_seconds=timeout_seconds) as answer, to_path.open("wb") as file:
        while chunk := _read(answer, url, _CHUNK_BYTES):
            file.write(chunk)
        if answer.length:
            # http.client says so of chunked answers only.
            raise BlobError(url, "the answer ended too early")
        return file.tell()


def upload(
    url: str,
    path: Path,
    headers: Mapping[str, str] | None = None,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> None:
    """
    Write a file as a block blob, replacing the blob if it exists.

    :param url: of the blob, with a signature that may create and write.
    :param headers: further headers, for example ``{"x-ms-blob-content-type": "text/plain"}``.
    :raises BlobError: see the module; ``OSError``: the file cannot be read.
    """
    with path.open("rb") as file:
        sent = {
            "Content-Type": "application/octet-stream",
            **(headers or {}),
            "x-ms-blob-type": "BlockBlob",
            "Content-Length": str(path.stat().st_size),
        }
        with _request("PUT", url, sent, file, timeout_seconds=timeout_seconds):
            pass


def size_of(url: str) -> int:
    """Return the size of a blob in bytes (HEAD)."""
    with _request("HEAD", url) as answer:
        return int(answer.headers.get("Content-Length", "0"))


def delete(url: str) -> None:
    """Delete a blob; it is an error when it is not there."""
    with _request("DELETE", url):
        pass


def create_container(url: str) -> None:
    """
    Make a container; nothing happens when it exists.

    :param url: of the container, with a signature of the account.
    """
    try:
        with _request("PUT", with_query(url, restype="container"), {"Content-Length": "0"}):
            pass
    except BlobConflictError as error:
        if error.code != "ContainerAlreadyExists":
            raise


@dataclass(frozen=True)
class BlobContainer:
    """
    A container behind an address with a signature.

    :param url: of the container; its query, the signature, is repeated with every blob.
    """

    url: str

    @classmethod
    def from_url(cls, sas_url: str) -> BlobContainer:
        """
        Read the address of a container.

        :raises ValueError: it is no address of HTTP with a path.
        """
        parts = urlsplit(sas_url)
        if parts.scheme not in ("http", "https") or not parts.netloc or not parts.path.strip("/"):
            raise ValueError("the address of a container is http(s)://host/container?signature")
        return cls(urlunsplit(parts._replace(path=parts.path.rstrip("/"))))

    def __repr__(self) -> str:
        return f"BlobContainer({masked(self.url)!r})"

    def blob_url(self, name: str) -> str:
        """Return the address of a blob, with the signature."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"{parts.path}/{quote(name, safe='/')}"))

    def list(self, prefix: str = "") -> Iterator[BlobEntry]:
        """
        Give every blob whose name begins so, page by page, by name.

        :raises BlobError: see the module; ``ContainerNotFoundError`` when there is no container.
        """
        marker = ""
        while True:
            url = with_query(self.url, restype="container", comp="list", prefix=prefix, marker=marker)
            with _request("GET", url) as answer:
                page = _parsed(_read(answer, url, _MAX_LIST_BYTES), url)
            for blob in page.iter("Blob"):
                size = blob.findtext("Properties/Content-Length", "0")
                yield BlobEntry(blob.findtext("Name", ""), int(size))
            marker = page.findtext("NextMarker", "")
            if not marker:
                return

    def download(self, name: str, to_path: Path) -> int:
        """Read a blob into a file, see :func:`download`."""
        return download(self.blob_url(name), to_path)

    def upload(self, name: str, path: Path, headers: Mapping[str, str] | None = None) -> None:
        """Write a file as a blob, see :func:`upload`."""
        upload(self.blob_url(name), path, headers)


def with_query(url: str, **parameters: str) -> str:
    """Return an address with more query parameters; empty ones are left out."""
    parts = urlsplit(url)
    more = urlencode({name: value for name, value in parameters.items() if value}, quote_via=quote)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, more)))))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signature goes to the host that it was made for, and to no other."""

    def redirect_request(self, *_arguments: object) -> None:
        return None


def _opener(host: str | None) -> urllib.request.OpenerDirector:
    # No proxy knows what listens on this machine's loopback interface.
    proxies = [urllib.request.ProxyHandler({})] if _is_loopback(host or "") else []
    return urllib.request.build_opener(_NoRedirect, *proxies)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@contextmanager
def _request(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    content: IO[bytes] | None = None,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Iterator[HTTPResponse]:
    with _causes(url):
        if urlsplit(url).scheme not in ("http", "https"):
            raise BlobError(url, "not an address of HTTP")
        request = urllib.request.Request(  # noqa: S310
            url, content, {"x-ms-version": VERSION, **(headers or {})}, method=method
        )
        answer = _opener(urlsplit(url).hostname).open(request, timeout=timeout_seconds)
    with answer:
        yield answer


@contextmanager
def _causes(url: str) -> Iterator[None]:
    """What went wrong on the way, as a BlobError."""
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(url, error) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise BlobTimedOutError(url, "no answer in time") from None
        raise BlobError(url, str(error.reason)) from None
    except TimeoutError:
        raise BlobTimedOutError(url, "no answer in time") from None
    except (HTTPException, OSError, ValueError) as error:
        # ValueError: an address or a header that cannot be sent; its text may hold the signature.
        raise BlobError(url, type(error).__name__) from None


def _refusal(url: str, error: urllib.error.HTTPError) -> BlobError:
    code = error.headers.get("x-ms-error-code") or str(error.reason)
    return _class_of(code, error.code)(url, code, error.code)


def _class_of(code: str, status: int) -> type[BlobError]:
    if code in ("ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled"):
        return ContainerNotFoundError
    if code in _DENIED or status in (401, 403):
        return BlobAccessDeniedError
    if status == 404:
        return BlobNotFoundError
    if status in (409, 412):
        return BlobConflictError
    return BlobTimedOutError if code == "OperationTimedOut" or status in (408, 504) else BlobError


def _read(answer: HTTPResponse, url: str, size: int) -> bytes:
    with _causes(url):
        return answer.read(size)


def _parsed(page: bytes, url: str) -> ElementTree.Element:
    try:
        # expat itself limits how far entities may grow, and the page's size is limited above.
        return ElementTree.fromstring(page)  # noqa: S314
    except ElementTree.ParseError:
        raise BlobError(url, "the list of blobs is not XML") from None
