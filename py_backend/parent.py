"""Ends this process with the one that started it, however that one ends and however busy this one is."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Linux only; elsewhere the end of the parent is noticed when the channel to it closes.

    The kernel ties the signal to the parent's thread, so the parent must start this process from a thread that lives.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the request was in place
        os.kill(os.getpid(), signal.SIGKILL)
