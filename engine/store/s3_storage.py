"""Large payloads in a bucket of an S3-compatible service (extra ``s3``)."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from ..errors import InvalidRequestError, NotFoundError, StoreError, UnsupportedError
from .payload_storage import checked_name, payload_too_large

_OPERATIONS: Final = {"READ": "get_object", "WRITE": "put_object"}
ADDRESS_SECONDS: Final = 300
"""How long a client may use an address it was given."""


class S3Storage:
    """Payloads as objects below a prefix of one bucket. Callable from any thread."""

    def __init__(self, bucket: str, prefix: str = "", client: Any = None) -> None:
        """Use a bucket that exists.

        Args:
            bucket: Its name.
            prefix: Before every name, without a slash at its end.
            client: A boto3 S3 client; by default one made from the environment.

        Raises:
            UnsupportedError: boto3 is not installed.
        """
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client = client if client is not None else _client()

    @classmethod
    def of(cls, address: str) -> S3Storage:
        """The storage of ``s3://bucket/prefix``, with ``?endpoint_url=`` for other services.

        Raises:
            InvalidRequestError: The address names no bucket.
        """
        parts = urlsplit(address)
        if parts.scheme != "s3" or not parts.netloc:
            raise InvalidRequestError(f"'{address}' is no address like s3://bucket/prefix.")
        endpoint = parse_qs(parts.query).get("endpoint_url", [None])[0]
        return cls(parts.netloc, parts.path, _client(endpoint))

    def _key(self, name: str) -> str:
        return self._prefix + checked_name(name)

    def put(self, name: str, body: bytes) -> None:
        """Store an object."""
        self._client.put_object(
            Bucket=self._bucket, Key=self._key(name), Body=body, ContentType="application/json"
        )

    def get(self, name: str, most_bytes: int = 0) -> bytes:
        """Read an object; one with too many bytes is not begun."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
        except self._client.exceptions.NoSuchKey:
            raise NotFoundError(f"There is no external payload '{name}'.") from None
        if most_bytes and (found := int(answer.get("ContentLength") or 0)) > most_bytes:
            answer["Body"].close()
            raise payload_too_large(name, found, most_bytes)
        body = answer["Body"].read()
        if not isinstance(body, bytes):
            raise StoreError(f"The payload service gave no bytes for '{name}'.")
        return body

    def delete(self, name: str) -> None:
        """Delete an object."""
        self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def delete_execution(self, workflow_id: str) -> None:
        """Delete the objects of an execution."""
        for owner, kind in (
            ("workflow", "input"),
            ("workflow", "output"),
            ("task", "input"),
            ("task", "output"),
            ("script", "result"),
        ):
            prefix = f"{self._prefix}{owner}/{kind}/{workflow_id}/"
            # A page has a thousand names at most; what is deleted is not on the next one.
            while found := self._names(prefix):
                for key in found:
                    self._client.delete_object(Bucket=self._bucket, Key=key)

    def _names(self, prefix: str) -> list[str]:
        page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix)
        return [item["Key"] for item in page.get("Contents") or ()]

    def address(self, name: str, operation: str) -> str | None:
        """A signed address that is good for five minutes."""
        address = self._client.generate_presigned_url(
            _OPERATIONS[operation],
            Params={"Bucket": self._bucket, "Key": self._key(name)},
            ExpiresIn=ADDRESS_SECONDS,
        )
        return str(address)


def _client(endpoint_url: str | None = None) -> Any:
    try:
        import boto3
    except ImportError:
        raise UnsupportedError(
            "Payloads in S3 need the extra 's3': pip install 'conductor-studio[s3]'."
        ) from None
    from botocore.config import Config

    # The writer waits for a payload: better some attempts than a store that gives up at a blip.
    patience = Config(
        connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 6}
    )
    return boto3.client("s3", endpoint_url=endpoint_url, config=patience)
