"""Files to and from a service, in pieces; each arrives whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .errors import RunsError
from .gen.mrpo.runs.v1 import runs_pb2 as pb

PIECE_BYTES = 1 << 20


def upload_pieces(name: str, file: BinaryIO) -> Iterator[pb.UploadDataRequest]:
    """A file, its name first."""
    yield pb.UploadDataRequest(header=pb.UploadHeader(name=name))
    while data := file.read(PIECE_BYTES):
        yield pb.UploadDataRequest(data=data)


class Receiver:
    """Writes an artifact's pieces below a folder; a file has its name only when it is whole and its hash is right."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).resolve()
        self.paths: list[Path] = []
        self._part: Path | None = None
        self._file: BinaryIO | None = None
        self._hash = hashlib.sha256()
        self._size = 0

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is None or self._part is None:
            return
        self._file.close()
        self._part.unlink(missing_ok=True)

    def take(self, piece: pb.DownloadArtifactResponse) -> None:
        """Raises RunsError `protocol` for a piece that is out of order, or a file that is not what was sent."""
        path = (self.folder / piece.file).resolve()
        if not path.is_relative_to(self.folder) or path == self.folder:
            raise RunsError("protocol", f"the service sent a file outside {self.folder}: {piece.file!r}")
        part = path.with_name(f"{path.name}.part")
        if self._file is None and piece.offset == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._part, self._file = part, part.open("wb")
            self._hash, self._size = hashlib.sha256(), 0
        if self._file is None or part != self._part or piece.offset != self._size:
            raise RunsError("protocol", f"{piece.file}: a piece at {piece.offset} came out of order")
        self._file.write(piece.data)
        self._hash.update(piece.data)
        self._size += len(piece.data)
        if not piece.sha256:
            return
        if self._hash.hexdigest() != piece.sha256:
            raise RunsError("protocol", f"{piece.file}: what arrived is not what was sent; try again")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(part, path)
        self._part = self._file = None
        self.paths.append(path)

    def whole(self) -> list[Path]:
        """The paths of all files; raises RunsError `protocol` if the last one is not whole."""
        if self._file is not None:
            raise RunsError("protocol", f"{self._part}: the service ended in the middle of it")
        return self.paths
