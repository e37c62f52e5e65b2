"""A collector on loopback: a real HTTP server that takes events, or misbehaves as told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Event = dict[str, Any]
Mode = str
"""`ok`; a status such as `500`; `429:2` with Retry-After; `half` an answer; half a `header`; `drop`; `slow`; `drip`."""


class Collector:
    """Keeps what arrives. `mode` says how it answers, or a function of the event that gives the mode."""

    def __init__(self, port: int) -> None:
        self.mode: Mode | Callable[[Event], Mode] = "ok"
        self.seconds = 30.0
        """How long a slow answer takes."""
        self.offered: list[tuple[float, Event, Mode]] = []
        """When, what, and how it was answered."""
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector._answer(self, json.loads(body))

            def do_HEAD(self) -> None:
                self.send_response(405)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                _respond(self, 200, {}, b"a page for people")

            def log_message(self, *_: object) -> None:
                pass

        ThreadingHTTPServer.daemon_threads = True
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def taken(self) -> list[Event]:
        """Events that it confirmed."""
        return [event for _, event, mode in self.offered if mode == "ok"]

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler, event: Event) -> None:
        with self._lock:
            mode = self.mode if isinstance(self.mode, str) else self.mode(event)
            self.offered.append((time.monotonic(), event, mode))
            self.headers.append(dict(request.headers))
        status, _, detail = mode.partition(":")
        if mode == "drop":
            request.close_connection = True
        elif mode == "header":
            request.wfile.write(b"HTTP/1.1 200 O")
            request.close_connection = True
        elif mode == "half":
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            request.close_connection = True
        elif mode == "drip":
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            self._drip(request)
        elif mode in ("ok", "slow"):
            if mode == "slow":
                self.closing.wait(self.seconds)
            _respond(request, 201, {}, b"")
        else:
            extra = {"Retry-After": detail} if status == "429" and detail else {}
            extra |= {"Location": "/elsewhere"} if status == "301" else {}
            _respond(request, int(status), extra, b"said so")

    def _drip(self, request: BaseHTTPRequestHandler) -> None:
        request.close_connection = True
        for _ in range(1000):
            if self.closing.wait(0.05):
                return
            try:
                request.wfile.write(b".")
            except OSError:
                return


def _respond(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    try:
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)
    except OSError:
        # Whoever asked did not wait for the answer.
        request.close_connection = True


@contextmanager
def running(port: int = 0, mode: Mode | Callable[[Event], Mode] = "ok") -> Iterator[Collector]:
    """A collector that listens; it is shut down afterwards."""
    collector = Collector(port)
    collector.mode = mode
    try:
        yield collector
    finally:
        collector.close()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def key(event: Event) -> tuple[str, str, str]:
    """What tells recorded events apart."""
    return event["run"]["runId"], event["eventType"], event["eventTime"]


def first_offers(events: list[Event]) -> list[tuple[str, str, str]]:
    """The keys in the order in which each arrived first."""
    return list(dict.fromkeys(key(event) for event in events))


def by_run(keys: list[tuple[str, str, str]]) -> dict[str, list[tuple[str, str, str]]]:
    runs: dict[str, list[tuple[str, str, str]]] = {}
    for one in keys:
        runs.setdefault(one[0], []).append(one)
    return runs
