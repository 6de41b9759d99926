"""The client of Blob storage against a server that answers by script; with Azurite it is a contract test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_batch.emulator.storage import blobs
from tests.scripted_server import Reply, ScriptedServer, scripted_server

SIGNATURE = "sv=2021-12-02&sig=secret"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as scripted:
        yield scripted


@pytest.fixture
def container(server: ScriptedServer) -> blobs.BlobContainer:
    return blobs.BlobContainer.from_url(f"{server.url}/account/c/?{SIGNATURE}")


def refused(status: int, code: str | None = None) -> Reply:
    return Reply(status, b"<Error/>", {} if code is None else {"x-ms-error-code": code})


# --- what is sent ---------------------------------------------------------------------------------------


def test_blob_is_downloaded_into_a_file_in_place_of_what_was_there(
    server: ScriptedServer, container: blobs.BlobContainer, tmp_path: Path
):
    server.script = [Reply(body=b"content")]
    target = tmp_path / "file"
    target.write_text("something longer than that")
    assert container.download("dir/a b%#?.txt", target) == 7
    assert target.read_text() == "content"
    (request,) = server.received
    assert request.target == f"/account/c/dir/a%20b%25%23%3F.txt?{SIGNATURE}"
    assert request.headers["x-ms-version"] == "2021-12-02"


def test_file_is_uploaded_as_a_block_blob_with_further_headers(
    server: ScriptedServer, container: blobs.BlobContainer, tmp_path: Path
):
    server.script = [Reply(201)]
    source = tmp_path / "file"
    source.write_bytes(b"x" * 3_000_000)
    container.upload("b", source, {"x-ms-blob-content-type": "text/plain"})
    (request,) = server.received
    assert (request.method, request.body) == ("PUT", source.read_bytes())
    sent = {name.lower(): value for name, value in request.headers.items()}
    assert sent["x-ms-blob-type"] == "BlockBlob"
    assert sent["x-ms-blob-content-type"] == "text/plain"
    assert sent["content-length"] == "3000000"


def test_list_goes_from_page_to_page(server: ScriptedServer, container: blobs.BlobContainer):
    def page(name: str, marker: str) -> Reply:
        blob = f"<Blob><Name>{name}</Name><Properties><Content-Length>3</Content-Length></Properties></Blob>"
        text = (
            f"<EnumerationResults><Blobs>{blob}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        )
        return Reply(body=text.encode())

    server.script = [page("p/a", "next one"), page("p/&amp;b", "")]
    assert list(container.list("p/")) == [blobs.BlobEntry("p/a", 3), blobs.BlobEntry("p/&b", 3)]
    first, second = server.received
    assert first.query == {
        "sv": "2021-12-02",
        "sig": "secret",
        "restype": "container",
        "comp": "list",
        "prefix": "p/",
    }
    assert second.query["marker"] == "next one"


def test_container_that_exists_is_as_good_as_made(server: ScriptedServer, container: blobs.BlobContainer):
    server.script = [
        Reply(201),
        refused(409, "ContainerAlreadyExists"),
        refused(409, "ContainerBeingDeleted"),
    ]
    blobs.create_container(container.url)
    blobs.create_container(container.url)
    with pytest.raises(blobs.ContainerNotFoundError):
        blobs.create_container(container.url)


# --- errors by cause ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refused(404, "BlobNotFound"), blobs.BlobNotFoundError),
        (refused(404), blobs.BlobNotFoundError),
        (refused(404, "ContainerNotFound"), blobs.ContainerNotFoundError),
        (refused(403, "AuthenticationFailed"), blobs.BlobAccessDeniedError),
        (refused(403), blobs.BlobAccessDeniedError),
        (refused(401), blobs.BlobAccessDeniedError),
        (refused(409, "PublicAccessNotPermitted"), blobs.BlobAccessDeniedError),
        (refused(412, "LeaseIdMissing"), blobs.BlobConflictError),
        (refused(409, "InvalidBlobType"), blobs.BlobConflictError),
        (refused(500, "OperationTimedOut"), blobs.BlobTimedOutError),
        (refused(503, "ServerBusy"), blobs.BlobError),
        (refused(302), blobs.BlobError),
        (Reply(drop=True), blobs.BlobError),
    ],
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda url, path: blobs.download(url, path / "new"),
        lambda url, path: blobs.upload(url, path / "file"),
        lambda url, _path: blobs.size_of(url),
        lambda url, _path: list(blobs.BlobContainer(url).list()),
    ],
    ids=["download", "upload", "size", "list"],
)
def test_error_says_its_cause_and_no_secret(
    server: ScriptedServer,
    tmp_path: Path,
    reply: Reply,
    kind: type[blobs.BlobError],
    ask: Callable[[str, Path], object],
):
    (tmp_path / "file").write_text("x")
    server.script = [reply]
    with pytest.raises(blobs.BlobError) as caught:
        ask(f"{server.url}/c/b?{SIGNATURE}", tmp_path)
    assert type(caught.value) is kind
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert not (tmp_path / "new").exists()


def test_redirect_is_not_followed(server: ScriptedServer, tmp_path: Path):
    server.script = [Reply(302, headers={"Location": f"{server.url}/elsewhere"})]
    with pytest.raises(blobs.BlobError):
        blobs.download(f"{server.url}/c/b?{SIGNATURE}", tmp_path / "file")
    assert len(server.received) == 1


def test_silent_server_times_out(tmp_path: Path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/c/b"
        with pytest.raises(blobs.BlobTimedOutError):
            blobs.download(url, tmp_path / "file", timeout_seconds=0.1)


def test_answer_that_ends_too_early_is_an_error(tmp_path: Path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(blobs.BlobError, match="too early"):
            blobs.download(f"http://127.0.0.1:{listener.getsockname()[1]}/c/b", tmp_path / "file")
        thread.join()


def test_list_that_is_no_xml_is_an_error(server: ScriptedServer):
    server.script = [Reply(body=b"<not xml")]
    with pytest.raises(blobs.BlobError, match="not XML"):
        list(blobs.BlobContainer(f"{server.url}/c?{SIGNATURE}").list())


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://host/c/b", "http://host:port/c b?sig=secret", ""]
)
def test_what_is_no_address_of_http_is_refused(url: str, tmp_path: Path):
    with pytest.raises(blobs.BlobError) as caught:
        blobs.download(url, tmp_path / "file")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["c", "http://host", "http://host/?sig=x", "ftp://host/c", "http:///c"])
def test_what_is_no_container_is_refused(url: str):
    with pytest.raises(ValueError, match="address of a container"):
        blobs.BlobContainer.from_url(url)


def test_container_is_shown_without_its_signature(container: blobs.BlobContainer):
    assert "secret" not in repr(container)


def test_own_disk_is_not_blamed_on_storage(server: ScriptedServer, tmp_path: Path):
    with pytest.raises(IsADirectoryError):
        blobs.download(f"{server.url}/c/b", tmp_path)
    with pytest.raises(FileNotFoundError):
        blobs.upload(f"{server.url}/c/b", tmp_path / "missing")
