"""What the server tells of its work, to whoever wants to count it."""

from __future__ import annotations


class Observer:
    """Hears what happens; this one does nothing with it. Called on the event loop and on the device thread, so whoever
    counts must be safe among threads and must not wait."""

    def call_ended(self, method: str, code: str, seconds: float) -> None:
        """A call of any service. code: a name of gRPC's status codes; CANCELLED where the caller has gone."""

    def refused(self, reason: str) -> None:
        """A call, or one frame of a training stream, that was refused: a name of ErrorReason without its prefix,
        MALFORMED (bytes that are no message) or DEFECT."""

    def trained(self, part: str, seconds: float) -> None:
        """A part of a training step: forward, backward, optimizer."""

    def stepped(self, applied: bool) -> None:
        """A step was committed. applied: False where the gradient was not finite."""

    def worked(self, work: str, tokens: int) -> None:
        """Tokens that a model has read (train, score) or written (generate)."""
