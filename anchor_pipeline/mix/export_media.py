"""Export the images and sounds of a mix as files, each with its credential.

FOLDER/media/<ab>/<digest>-<shard>.<suffix>       named by digests, never by what a document or a raw file is called
FOLDER/media/<ab>/<digest>-<shard>.<suffix>.c2pa  where a synthetic file cannot hold its manifest inside
FOLDER/credentials/<shard>.intoto.json            what vouches for the files that no model made
FOLDER/authority.pem                              the certificate that C2PA credentials lead up to
FOLDER/index.jsonl                                one line a document, in training order
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchor_pipeline.corpus.files import LocalFiles
from anchor_pipeline.corpus.snapshot import canonical_json
from anchor_pipeline.custody.credentials.authority import Leaf
from anchor_pipeline.custody.credentials.media import Taken, with_credential
from anchor_pipeline.custody.flaws import Flaw
from anchor_pipeline.errors import DamagedData, Refused, UsageError
from anchor_pipeline.mix.export_credentials import Carried, carried_credentials
from anchor_pipeline.mix.read import Mix, open_mix

INDEX = "index.jsonl"

_BATCH = 32
_COLUMNS = ["doc_id", "payload", "source", "authorship", "modality", "digest", "generator", "epoch"]

_TYPES = (
    (b"\x89PNG\r\n\x1a\n", "png", "image/png"),
    (b"\xff\xd8", "jpg", "image/jpeg"),
    (b"GIF8", "gif", "image/gif"),
    (b"BM", "bmp", "image/bmp"),
    (b"II*\0", "tif", "image/tiff"),
    (b"MM\0*", "tif", "image/tiff"),
)


@dataclass(frozen=True)
class Exported:
    """What came of an export."""

    files: int
    embedded: int
    """Synthetic files with their manifest inside."""
    sidecars: int
    """Synthetic files with their manifest beside them."""
    left: int
    """Documents that are no images or sounds."""


def export_media(mix: str | Path, folder: Path, leaf: Callable[[], Leaf], *, root: Path | None = None) -> Exported:
    """Write the payloads of a released mix, each document once, into a new folder.

    Args:
        mix: the release; it is verified in full first.
        folder: must not be there yet, or be empty.
        leaf: signs the manifests of synthetic files; asked for only if there are any.
        root: file of the root key that the release has to begin with.

    Raises:
        Refused: the mix was made without custody, or a credential is missing or does not hold. Nothing is left behind.
        DamagedData: the release is damaged.
        UsageError: the folder holds something.

    """
    opened = open_mix(mix, root=root)
    carried = carried_credentials(opened, set(_media(opened)))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder}: is there already and not empty; name a new folder")
    disk = LocalFiles()
    staged = folder.with_name(f".{folder.name}.unfinished")
    disk.remove(staged)
    try:
        writer = _Writer(staged, carried, leaf, opened.manifest.digest, disk)
        for row in _documents(opened):
            writer.take(row)
        exported = writer.finish()
        if folder.exists():
            folder.rmdir()
        disk.rename_folder(staged, folder)
    except Flaw as flaw:
        raise Refused(f"{opened.path}: nothing is exported: {flaw}") from None
    finally:
        disk.remove(staged)
    return exported


def suffix_and_type(content: bytes) -> tuple[str, str]:
    """File name suffix and media type of an image or sound, by how it begins."""
    for magic, suffix, kind in _TYPES:
        if content.startswith(magic):
            return suffix, kind
    if content.startswith(b"RIFF"):
        return ("webp", "image/webp") if content[8:12] == b"WEBP" else ("wav", "audio/wav")
    return "bin", "application/octet-stream"


def _media(mix: Mix) -> Iterator[str]:
    """Ids of the documents that are images or sounds."""
    for batch in mix.batches(columns=["doc_id", "modality"]):
        for row in batch.to_pylist():
            if row["modality"] in ("image", "audio"):
                yield row["doc_id"]


def _documents(mix: Mix) -> Iterator[dict[str, Any]]:
    """Every document once: the passes after the first hold the same ones."""
    columns = _COLUMNS if "payload" in mix.schema.names else [name for name in _COLUMNS if name != "payload"]
    for batch in mix.batches(batch_size=_BATCH, columns=columns):
        for row in batch.to_pylist():
            if row["epoch"] == 0:
                yield row


class _Writer:
    def __init__(self, folder: Path, carried: Carried, leaf: Callable[[], Leaf], mix: str, disk: LocalFiles) -> None:
        self._folder, self._carried, self._make_leaf, self._mix, self._disk = folder, carried, leaf, mix, disk
        self._leaf: Leaf | None = None
        self._files: dict[str, dict[str, Any]] = {}
        self._lines: list[bytes] = []
        self._left = 0

    def take(self, row: dict[str, Any]) -> None:
        """Write a document's file, unless another document has the same content; note it in the index."""
        content = row.get("payload")
        if content is None:
            self._left += 1
            return
        digest = hashlib.sha256(row["modality"].encode() + b"\0" + content).hexdigest()
        if digest != row["digest"]:
            raise DamagedData(f"{row['doc_id']}: its content does not have its digest; restore the release")
        shard = self._carried.shard_of(row["doc_id"])
        known = self._files.setdefault(digest + shard, {})
        if not known:
            known |= self._write(row, content, shard)
        told = {name: row[name] for name in ("doc_id", "digest", "source", "authorship", "generator")}
        self._lines.append(canonical_json({**told, **known}) + b"\n")

    def finish(self) -> Exported:
        self._put("authority.pem", self._carried.authority or b"")
        self._put(INDEX, b"".join(self._lines))
        kinds = [one["credential"]["kind"] for one in self._files.values()]
        beside = sum("file" in one["credential"] for one in self._files.values() if one["credential"]["kind"] == "c2pa")
        return Exported(len(kinds), kinds.count("c2pa") - beside, beside, self._left)

    def _write(self, row: dict[str, Any], content: bytes, shard: str) -> dict[str, Any]:
        suffix, kind = suffix_and_type(content)
        name = f"media/{row['digest'][:2]}/{row['digest']}-{shard[:8]}.{suffix}"
        credential = self._carried.credential_of(shard)
        if credential.kind == "in-toto":
            beside = f"credentials/{shard}.intoto.json"
            self._put(beside, credential.data)
            told = {"kind": "in-toto", "file": beside, "sha256": hashlib.sha256(credential.data).hexdigest()}
        else:
            said = {name: row[name] for name in ("doc_id", "digest", "generator") if row[name] is not None}
            taken = Taken(content, kind, row["modality"], {**said, "mix": self._mix}, shard, credential.data)
            content, sidecar = with_credential(taken, self._signer(), self._carried.authority or b"")
            told = {"kind": "c2pa"}
            if sidecar is not None:
                self._put(f"{name}.c2pa", sidecar)
                told |= {"file": f"{name}.c2pa", "sha256": hashlib.sha256(sidecar).hexdigest()}
        self._put(name, content)
        return {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "shard": shard, "credential": told}

    def _signer(self) -> Leaf:
        if self._leaf is None:
            self._leaf = self._make_leaf()
        return self._leaf

    def _put(self, name: str, data: bytes) -> None:
        with self._disk.create(self._folder / name) as file:
            self._disk.write(file, data)
