"""The end of a process that has no memory left to go on with.

Somebody waits for every job of a thread and for every callback of the event loop, perhaps for ever. Where one is lost
because there was no memory even for its error, the process ends, which its client is told of at once.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, NoReturn

MEMORY_LOST = 71
"""Exit code of such a process; src/backend/death.ts has words for it."""

WITHOUT_MEMORY = (MemoryError, SystemError)
"""CPython gives the second where it cannot even make the first."""

_WORDS = b"the process has no memory left to answer with; it ends\n"


def out_of_memory() -> NoReturn:
    """Ends the process at once."""
    os.write(2, _WORDS)
    os._exit(MEMORY_LOST)


def end_without_memory(loop: asyncio.AbstractEventLoop) -> None:
    """From now on, an error for want of memory that reaches nobody, on this loop or at the end of a thread, ends the
    process."""

    def on_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), WITHOUT_MEMORY):
            out_of_memory()
        loop.default_exception_handler(context)

    def nobodys(unraisable: Any) -> None:
        if isinstance(unraisable.exc_value, WITHOUT_MEMORY):
            out_of_memory()
        sys.__unraisablehook__(unraisable)

    loop.set_exception_handler(on_loop)
    sys.unraisablehook = nobodys
