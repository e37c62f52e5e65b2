"""Where a person finds a file of the store: a link that a browser opens, or the path of this machine.

The UI's browser opens no paths. Whoever serves the store by HTTP (behind the company's login, say) names the address
in ANCHOR_STORE_URL_BASE, and every report and page is one click away; without it the UI shows the path to copy.
"""

from __future__ import annotations

import os
from urllib.parse import quote

import dagster as dg

from anchor_pipeline.corpus.store import Store
from anchor_pipeline.project.addresses import without_credentials

STORE_URL_BASE = "ANCHOR_STORE_URL_BASE"
"""The variable: http(s) address at which the store's root is served."""

Link = dg.UrlMetadataValue | dg.PathMetadataValue


def link(store: Store, name: str) -> Link:
    """A file or folder of the store, named relative to its root; what follows # is a place within a page."""
    file, hash_, place = name.partition("#")
    base = os.environ.get(STORE_URL_BASE)
    if base:
        return dg.MetadataValue.url(f"{without_credentials(base).rstrip('/')}/{quote(file)}{hash_}{place}")
    return at(store.address_of(file))


def at(address: str) -> Link:
    """An address as what it is: http(s) can be clicked; paths and s3:// are to be copied."""
    shown = without_credentials(address)
    if shown.startswith(("http://", "https://")):
        return dg.MetadataValue.url(shown)
    return dg.MetadataValue.path(shown)
