"""TensorBoard event files under the run's folder, or under TENSORBOARD_LOGGING_DIR.

Event files can be written anew, so a run that goes back to a checkpoint is: no step is ever in them twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from .names import Line, flat, in_groups, step_of
from .tracker import Run, Status

FLUSH_SECONDS = 5


class TensorBoard:
    """One folder of event files; a `Tracker`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        base = os.environ.get("TENSORBOARD_LOGGING_DIR")
        self.folder = Path(base) / run.id if base else run.folder / "tensorboard"
        self.writer: EventFileWriter | None = None

    def begin(self, history: Sequence[Line]) -> str:
        """Writes a new event file with the lines that count, then removes the older ones."""
        if self.writer is not None:
            self.writer.close()
        old = sorted(self.folder.glob("events.out.tfevents.*"))
        suffix = f".{self.run.id}.{time.time_ns()}"  # names have whole seconds: two attempts can share one
        self.writer = EventFileWriter(str(self.folder), flush_secs=FLUSH_SECONDS, filename_suffix=suffix)
        self._text("configuration", "\n".join(f"    {name}: {value}" for name, value in flat(self.run.config).items()))
        for line in history:
            self.log(line)
        self.writer.flush()
        for path in old:
            path.unlink(missing_ok=True)
        return str(self.folder)

    def log(self, line: Line) -> None:
        """Adds one line; it is in the file within seconds."""
        assert self.writer is not None
        values = [Summary.Value(tag=name, simple_value=value) for name, value in in_groups(line).items()]
        self.writer.add_event(Event(wall_time=time.time(), step=step_of(line), summary=Summary(value=values)))

    def end(self, status: Status) -> None:
        """Writes what is left and closes the file; TensorBoard has no status."""
        if self.writer is not None:
            self.writer.close()

    def _text(self, tag: str, text: str) -> None:
        assert self.writer is not None
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING

        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
        tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()], tensor_shape=shape)
        kind = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
        value = Summary.Value(tag=f"{tag}/text_summary", metadata=kind, tensor=tensor)
        self.writer.add_event(Event(wall_time=time.time(), step=0, summary=Summary(value=[value])))
