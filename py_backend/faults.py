"""What the backend refuses, with a reason that a program can branch on.

Anything else that is raised is a defect: the caller gets INTERNAL, and the log gets the stack.
"""

from __future__ import annotations


class Fault(Exception):
    """reason: a name of ErrorReason without its prefix. hint: what the user can do about it."""

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint
