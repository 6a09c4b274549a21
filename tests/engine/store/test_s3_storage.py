"""Payloads in a bucket: the real client against a small S3-like server on this machine."""

from __future__ import annotations

import importlib.util
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from engine.errors import InvalidRequestError, NotFoundError, TooLargeError
from engine.store.s3_storage import S3Storage

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("boto3") is None, reason="needs the package boto3"
)

NAME = "task/output/7f3a/12.json"


class _Bucket(BaseHTTPRequestHandler):
    """PUT, GET, DELETE and list of objects, path style."""

    objects: dict[str, bytes]
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            size, _, rest = body.partition(b"\r\n")
            body = rest[: int(size.split(b";")[0], 16)]
        self.objects[urlsplit(self.path).path] = body
        self._answer(200)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if "list-type" in query:
            prefix = f"/b/{query['prefix'][0]}"
            keys = [key[len("/b/") :] for key in self.objects if key.startswith(prefix)]
            # A page has a thousand keys there; two are enough to need another.
            items = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys[:2])
            self._answer(200, f"<ListBucketResult>{items}</ListBucketResult>".encode())
        elif parts.path in self.objects:
            self._answer(200, self.objects[parts.path])
        else:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_DELETE(self) -> None:
        self.objects.pop(urlsplit(self.path).path, None)
        self._answer(204)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Storage]:
    handler = type("Bucket", (_Bucket,), {"objects": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    storage = S3Storage.of(f"s3://b/studio/payloads?endpoint_url={endpoint}")
    yield storage
    storage._client.close()
    server.shutdown()
    server.server_close()
    thread.join()


def test_objects_are_put_read_and_deleted_below_the_prefix(storage: S3Storage) -> None:
    storage.put(NAME, b'{"n": 1}')
    assert storage.get(NAME) == b'{"n": 1}'
    for number in range(3, 8):
        storage.put(f"task/input/7f3a/{number}.json", b"{}")
    storage.put("task/input/other/3.json", b"{}")
    storage.delete_execution("7f3a")
    for name in (NAME, *(f"task/input/7f3a/{number}.json" for number in range(3, 8))):
        with pytest.raises(NotFoundError):
            storage.get(name)
    storage.delete("task/input/other/3.json")
    with pytest.raises(NotFoundError):
        storage.get("task/input/other/3.json")


def test_clients_read_and_write_at_signed_addresses(storage: S3Storage) -> None:
    address = storage.address("upload/output/u/payload.json", "WRITE")
    assert address is not None
    assert "studio/payloads/upload/output/u/payload.json" in address
    put = urllib.request.Request(address, data=b'{"a": 1}', method="PUT")
    urllib.request.urlopen(put, timeout=5).close()
    assert storage.get("upload/output/u/payload.json") == b'{"a": 1}'
    again = storage.address("upload/output/u/payload.json", "READ")
    assert again is not None
    with urllib.request.urlopen(again, timeout=5) as reply:
        assert reply.read() == b'{"a": 1}'


def test_object_with_too_many_bytes_is_not_read(storage: S3Storage) -> None:
    storage.put(NAME, b"x" * 100)
    with pytest.raises(TooLargeError, match="has 100 bytes; the limit is 99"):
        storage.get(NAME, 99)
    assert len(storage.get(NAME, 100)) == 100


def test_name_of_another_shape_reaches_no_bucket(storage: S3Storage) -> None:
    for name in ("../x.json", "task/output/../../x.json", ""):
        with pytest.raises(InvalidRequestError):
            storage.get(name)


@pytest.mark.parametrize("address", ["s3://", "s3:bucket", "https://b/p"])
def test_address_without_a_bucket_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequestError, match="no address like"):
        S3Storage.of(address)
