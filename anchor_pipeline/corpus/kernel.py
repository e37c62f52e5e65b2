"""`kernel`: functions that are compiled, kept compiled between runs, and run beside other threads.

numba's own decorator has no types; this is the same one for the type checker too, so that a kernel is checked like any
other function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

import numba

Compiled = TypeVar("Compiled", bound=Callable[..., Any])


@overload
def kernel(function: Compiled) -> Compiled: ...
@overload
def kernel(*, inline: str = "never") -> Callable[[Compiled], Compiled]: ...
def kernel(function: Any = None, *, inline: str = "never") -> Any:
    """numba.njit(cache=True, nogil=True). A cached kernel does not notice changes of kernels it calls elsewhere."""
    compiled = numba.njit(cache=True, nogil=True, inline=inline)
    return compiled if function is None else compiled(function)


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a kernel, not compiled: for whole arrays at a time, where NumPy is meant."""
    same: Callable[..., Any] = function.py_func  # type: ignore[attr-defined]  # which numba adds
    return same
