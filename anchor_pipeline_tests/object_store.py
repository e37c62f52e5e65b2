"""A real S3 protocol server on loopback (moto over HTTP), with faults on the wire, and a bucket of its own per test."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

Fault = Literal["drop", "lost", "half", "500", "403"]
"""drop: the connection breaks before the request is looked at; lost: after it was carried out, before the answer;
half: in the middle of the answer; 500, 403: what the server answers instead."""

ACCESS_KEY, SECRET_KEY = "AKIATESTACCESSKEYID0", "test-secret-access-key-9d1f"


@dataclass
class S3Server:
    """`faults` is asked about every request (method, path with query) and may name a fault; `after` hears of it when
    it was carried out, before it is answered."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    faults: Callable[[str, str], Fault | None] | None = None
    after: Callable[[str, str], None] = lambda method, path: None

    def start(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
        from werkzeug.serving import make_server

        class Quiet(MotoRequestHandler):  # type: ignore[misc]
            def log(self, *_: Any) -> None:
                pass

        self._application = DomainDispatcherApplication(create_backend_app)
        # A condition and the write that hangs on it are one step in S3; in moto they are only one after the other.
        self._one_at_a_time = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        query = environ.get("QUERY_STRING")
        asked = f"{path}?{query}" if query else path
        self.requests.append(f"{method} {asked}")
        fault = self.faults(method, asked) if self.faults else None
        connection: socket.socket = environ["werkzeug.socket"]
        if fault == "drop":
            return self._break(connection)
        if fault in ("500", "403"):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            code = {"500": "InternalError", "403": "AccessDenied"}[fault]
            said = f"<Error><Code>{code}</Code><Message>{code}, made up</Message></Error>"
            body = b"" if method == "HEAD" else said.encode()
            start_response(
                f"{fault} Made Up", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
            )
            return [body]
        with self._one_at_a_time:
            answer = [bytes(part) for part in self._application(environ, start_response)]
        self.after(method, asked)
        if fault == "lost":
            return self._break(connection)
        if fault == "half":
            whole = b"".join(answer)
            return self._half(connection, whole)
        return answer

    def _half(self, connection: socket.socket, whole: bytes) -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        self._break(connection)

    def _break(self, connection: socket.socket) -> list[bytes]:
        connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionError("broken, as asked")


@dataclass
class Bucket:
    """A bucket of its own, through a client that has nothing to do with ours."""

    name: str
    server: S3Server
    client: Any

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def get(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=self.name, Key=key)["Body"].read())

    def put(self, key: str, data: bytes | str) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data if isinstance(data, bytes) else data.encode())

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=key)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bucket]:
    """An empty bucket. The environment has what reaches it, and a cache folder of this test."""
    import boto3
    import s3fs

    use(monkeypatch, s3_server, tmp_path / "cache")
    # Failing is to be quick where it is tried on purpose.
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 2)
    client = boto3.client(
        "s3", endpoint_url=s3_server.url, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY
    )
    name = f"bucket-{secrets.token_hex(6)}"
    client.create_bucket(Bucket=name)
    s3_server.requests.clear()
    yield Bucket(name, s3_server, client)
    s3_server.faults, s3_server.after = None, lambda method, path: None
    s3fs.S3FileSystem.clear_instance_cache()


def use(monkeypatch: pytest.MonkeyPatch, server: S3Server, cache: Path) -> None:
    """Set the environment as a deployment would."""
    import s3fs

    for name, value in environment(server, cache).items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    s3fs.S3FileSystem.clear_instance_cache()


def environment(server: S3Server, cache: Path) -> dict[str, str]:
    """Variables that reach the server, and name the cache folder."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": server.url,
        "AWS_MAX_ATTEMPTS": "1",
        "ANCHOR_CACHE": str(cache),
    }
