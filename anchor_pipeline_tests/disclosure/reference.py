"""The reference library of Croissant, imported so that it leaves the streams of the tests alone.

absl, which it logs through, takes the standard error it finds at import, and closes it once another library sets up
logging anew and standard error is a different one by then. Within a test that is what pytest reads from.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stderr

with redirect_stderr(sys.__stderr__):
    import mlcroissant

__all__ = ["mlcroissant"]
