"""Begin a project's custody: keys for everybody, a certificate authority, and the genesis of the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from anchor_pipeline.custody.credentials.authority import begin_authority
from anchor_pipeline.custody.custodian import Custodian
from anchor_pipeline.custody.keys import ROOT, PrivateKey, PublicKey, check_identity
from anchor_pipeline.custody.ledger import begin
from anchor_pipeline.errors import Refused, UsageError


def begin_custody(custodian: Custodian, identities: Sequence[str], passphrase: str | None = None) -> list[PublicKey]:
    """Make what is missing of root's and the identities' keys, then begin the ledger with them.

    Keys that are there already are kept, so that a beginning which was interrupted can be gone on with.

    Raises:
        Refused: the ledger has begun already.
        UsageError: an identity cannot have that name.
        Unavailable: key folder or ledger cannot be written.

    """
    names = [check_identity(name) for name in dict.fromkeys(identities)]
    if ROOT in names:
        raise UsageError(f"{ROOT} signs keys and nothing else; name another identity")
    if custodian.ledger.size():
        raise Refused(
            f"ledger {custodian.declared.origin} has begun already in {custodian.storage.address}; `anchor keys list` "
            "shows its keys, `anchor keys rotate` replaces them"
        )
    folder = custodian.keys
    for name in (ROOT, *names):
        if not folder.has_private(name):
            folder.write(PrivateKey.generate(name), passphrase)
    root, *others = (folder.private(name, passphrase) for name in (ROOT, *names))
    authority = begin_authority(folder.folder, custodian.declared.origin, passphrase)
    begin(custodian.ledger, root, [key.public for key in others], authority=authority)
    custodian.ledger.sign_head(root)
    return [root.public, *(key.public for key in others)]
