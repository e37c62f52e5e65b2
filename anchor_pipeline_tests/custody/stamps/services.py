"""A calendar of OpenTimestamps and a time-stamping authority on loopback, over real HTTP."""

from __future__ import annotations

import hashlib
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HEIGHT = 850_000
WHEN = 1_719_000_000


class Calendar:
    """Takes digests; once `confirm` was called it shows the way to a block."""

    def __init__(self) -> None:
        self.url = ""
        self.commitments: list[bytes] = []
        self.confirmed = False
        self.asked = 0

    def submit(self, digest: bytes) -> bytes:
        """The digest is joined with something secret and hashed; this is what the calendar will answer for."""
        from opentimestamps.core.notary import PendingAttestation
        from opentimestamps.core.op import OpAppend, OpSHA256
        from opentimestamps.core.timestamp import Timestamp

        stamp = Timestamp(digest)
        inner = stamp.ops.add(OpAppend(hashlib.sha256(digest + b"secret").digest()[:16])).ops.add(OpSHA256())
        inner.attestations.add(PendingAttestation(self.url))
        self.commitments.append(inner.msg)
        return encoded(stamp)

    def timestamp(self, commitment: bytes) -> bytes | None:
        """The way from a commitment to the Merkle root of a block; None as long as there is none."""
        from opentimestamps.core.notary import BitcoinBlockHeaderAttestation
        from opentimestamps.core.timestamp import Timestamp

        if not self.confirmed or commitment not in self.commitments:
            return None
        stamp = Timestamp(commitment)
        top = stamp
        for op in _way():
            top = top.ops.add(op)
        top.attestations.add(BitcoinBlockHeaderAttestation(HEIGHT))
        return encoded(stamp)

    def header(self) -> bytes:
        """Of the block that holds the last commitment."""
        root = self.commitments[-1]
        for op in _way():
            root = op(root)
        return b"\x04\0\0\x20" + bytes(32) + root + WHEN.to_bytes(4, "little") + bytes(8)


def _way() -> list[Any]:
    from opentimestamps.core.op import OpPrepend, OpSHA256

    return [OpPrepend(b"a transaction "), OpSHA256(), OpSHA256(), OpPrepend(bytes(32)), OpSHA256(), OpSHA256()]


def encoded(stamp: Any) -> bytes:
    from opentimestamps.core.serialize import BytesSerializationContext

    out = BytesSerializationContext()
    stamp.serialize(out)
    return bytes(out.getbytes())


@contextmanager
def serving(answer: Any) -> Iterator[str]:
    """Serve `answer(method, path, body) -> bytes or None`; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._tell(answer("POST", self.path, self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            self._tell(answer("GET", self.path, b""))

        def _tell(self, data: bytes | None) -> None:
            self.send_response(404 if data is None else 200)
            self.end_headers()
            self.wfile.write(data or b"not there yet")

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def calendar() -> Iterator[Calendar]:
    """A running calendar."""
    one = Calendar()

    def answer(method: str, path: str, body: bytes) -> bytes | None:
        one.asked += 1
        if method == "POST" and path == "/digest":
            return one.submit(body)
        name = path.removeprefix("/timestamp/")
        return one.timestamp(bytes.fromhex(name)) if name != path else None

    with serving(answer) as url:
        one.url = url
        yield one


CONFIGURATION = """
[tsa]
default_tsa = one
[one]
dir = {folder}
serial = $dir/serial
signer_cert = $dir/tsa.pem
signer_key = $dir/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ordering = yes
ess_cert_id_alg = sha256
[tsa_extensions]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[root_extensions]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[req]
distinguished_name = name
[name]
"""


class Authority:
    """`openssl ts` with a root of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, ""
        folder.mkdir()
        (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder))
        (folder / "serial").write_text("01\n")
        for name in ("root", "tsa"):
            self._run("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f"{name}.key")
        subject = ("req", "-new", "-x509", "-key", "root.key", "-subj", "/CN=Test root", "-days", "30")
        self._run(*subject, "-config", "openssl.cnf", "-extensions", "root_extensions", "-out", "root.pem")
        self._run(
            "req", "-new", "-key", "tsa.key", "-subj", "/CN=Test TSA", "-config", "openssl.cnf", "-out", "tsa.csr"
        )
        signing = ("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial")
        self._run(
            *signing, "-days", "30", "-extfile", "openssl.cnf", "-extensions", "tsa_extensions", "-out", "tsa.pem"
        )

    @property
    def roots(self) -> bytes:
        return (self.folder / "root.pem").read_bytes()

    def answer(self, method: str, path: str, body: bytes) -> bytes | None:
        (self.folder / "query").write_bytes(body)
        self._run("ts", "-reply", "-config", "openssl.cnf", "-section", "one", "-queryfile", "query", "-out", "answer")
        return (self.folder / "answer").read_bytes()

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@contextmanager
def authority(folder: Path) -> Iterator[Authority]:
    """A running authority."""
    one = Authority(folder)
    with serving(one.answer) as url:
        one.url = url
        yield one
