"""An event of a run, with the name of its kind."""

from __future__ import annotations

from typing import Any

from google.protobuf import text_format

from .gen.mrpo.runs.v1 import runs_pb2 as pb


class Event:
    """The fields of the message (`seq`, `time`, `state`, `step`, `evaluation`, ...) and which of its kinds it is."""

    def __init__(self, message: pb.Event) -> None:
        self.message = message

    @property
    def kind(self) -> str:
        """ "step", "evaluation", "state_change", "note", ...; empty: pass it over.

        Such events are only for the service itself, or of a later version; they count in `seq`.
        """
        return self.message.WhichOneof("kind") or ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.message, name)

    def __repr__(self) -> str:
        said = text_format.MessageToString(getattr(self.message, self.kind), as_one_line=True) if self.kind else ""
        return f"Event {self.seq} {self.kind} {said}".rstrip()
