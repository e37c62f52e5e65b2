"""Keys as files: a folder with `<identity>.key.json`, which nobody else can read, and `<identity>.pub.json`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PrivateKey, PublicKey, check_identity
from anchor_pipeline.errors import Refused, Unavailable, UsageError


class KeyFolder:
    """The keys of a project's identities in a folder that only its owner can enter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def identities(self) -> list[str]:
        """Names with a public key here, sorted."""
        return sorted(path.name.removesuffix(".pub.json") for path in self.folder.glob("*.pub.json"))

    def has_private(self, identity: str) -> bool:
        """Whether the private keys are here too."""
        return self._private(identity).exists()

    def public(self, identity: str) -> PublicKey:
        """The public key; UsageError if it is missing or none."""
        path = self.folder / f"{check_identity(identity)}.pub.json"
        return read_public(path)

    def private(self, identity: str, passphrase: str | None = None) -> PrivateKey:
        """The private keys.

        Raises:
            UsageError: they are missing, the passphrase is not the one, or others can read the file.

        """
        path = self._private(identity)
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                data = file.read()
        except FileNotFoundError:
            raise UsageError(f"{path}: no keys of {identity}; make them with `anchor keys init`") from None
        except OSError as error:
            raise Unavailable(f"{path}: cannot be read ({error.strerror})") from error
        if mode & 0o077:
            raise UsageError(f"{path}: others can read it (mode {mode:o}); chmod 600 it, or better make new keys")
        return PrivateKey.parsed(data, str(path), passphrase)

    def write(self, key: PrivateKey, passphrase: str | None = None, *, replace: bool = False) -> None:
        """Keep keys, the private ones for the owner only; Refused if the identity has some and not `replace`."""
        identity = key.public.identity
        if self.has_private(identity) and not replace:
            raise Refused(f"{self._private(identity)}: is there already; `anchor keys rotate` replaces keys")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._write(self._private(identity), key.encoded(passphrase), 0o600)
        self._write(self.folder / f"{identity}.pub.json", key.public.encoded(), 0o644)

    def _private(self, identity: str) -> Path:
        return self.folder / f"{check_identity(identity)}.key.json"

    def _write(self, path: Path, data: bytes, mode: int) -> None:
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            # Never readable by others, not even before it has its name.
            handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise Unavailable(f"{path}: cannot be written ({error.strerror or error})") from error


def read_public(path: Path) -> PublicKey:
    """The public key in a file; UsageError if it is missing or none."""
    try:
        return PublicKey.parsed(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise UsageError(f"{path}: no public key; `anchor keys init` makes keys") from None
    except OSError as error:
        raise Unavailable(f"{path}: cannot be read ({error.strerror})") from error
    except Flaw as flaw:
        raise UsageError(f"{flaw.where}: no public key ({flaw.detail})") from None
