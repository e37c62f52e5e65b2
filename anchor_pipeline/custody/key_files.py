"""Keys as files: a folder with `<identity>.key.json`, which nobody else can read, and `<identity>.pub.json`."""

from __future__ import annotations

from pathlib import Path

from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.custody.keys import PrivateKey, PublicKey, check_identity
from anchor_pipeline.custody.secret_files import read_secret, write_file
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
        data = read_secret(path)
        return PrivateKey.parsed(data, str(path), passphrase)

    def write(self, key: PrivateKey, passphrase: str | None = None, *, replace: bool = False) -> None:
        """Keep keys, the private ones for the owner only; Refused if the identity has some and not `replace`."""
        identity = key.public.identity
        if self.has_private(identity) and not replace:
            raise Refused(f"{self._private(identity)}: is there already; `anchor keys rotate` replaces keys")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_file(self._private(identity), key.encoded(passphrase), 0o600)
        write_file(self.folder / f"{identity}.pub.json", key.public.encoded(), 0o644)

    def _private(self, identity: str) -> Path:
        return self.folder / f"{check_identity(identity)}.key.json"


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
