"""Which folders models are read from and written to. Without roots: any that the user may."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .faults import Fault

LONGEST_PATH, LONGEST_NAME = 4096, 255  # bytes


@dataclass(frozen=True, slots=True)
class Roots:
    """Absolute folders; without any, every path is allowed."""

    folders: tuple[Path, ...] = ()

    @staticmethod
    def of(folders: list[str]) -> Roots:
        """From paths as a user writes them; `~` and links are followed."""
        return Roots(tuple(Path(folder).expanduser().resolve() for folder in folders))

    def check(self, path: Path | str, what: str) -> Path:
        """The absolute path, links followed, whether or not something is there. Raises PATH_REFUSED for one outside the
        roots (without saying where it leads), and for a text that is no path."""
        text = str(path)
        too_long = len(text.encode()) > LONGEST_PATH or any(
            len(part.encode()) > LONGEST_NAME for part in text.split("/")
        )
        if "\0" in text or too_long:
            kind = f"one that is longer than a path or name can be ({len(text)})" if too_long else "a NUL in it"
            raise Fault("PATH_REFUSED", f"{what} {text[:100].split(chr(0))[0]}...: expected a path, got {kind}")
        try:
            resolved = Path(text).expanduser().resolve()
        except (OSError, RuntimeError) as error:
            raise Fault("PATH_REFUSED", f"{what} {text}: {getattr(error, 'strerror', None) or error}") from error
        if not self.hold(resolved):
            allowed = ", ".join(map(str, self.folders))
            raise Fault("PATH_REFUSED", f"{what} {text}: expected a path below {allowed}, got one that leads outside")
        return resolved

    def hold(self, resolved: Path) -> bool:
        """Whether an absolute path without links lies below one of the folders."""
        return not self.folders or any(resolved.is_relative_to(folder) for folder in self.folders)

    def check_below(self, folder: Path, what: str) -> None:
        """Raises PATH_REFUSED if a link anywhere below a folder leads outside."""
        if not self.folders:
            return
        for parent, folders, files in os.walk(folder):
            for name in [*folders, *files]:
                entry = Path(parent, name)
                if entry.is_symlink():
                    self.check(entry, what)


def is_there(path: Path, what: str) -> bool:
    """Raises PATH_REFUSED where that cannot be found out."""
    try:
        return path.exists()
    except OSError as error:
        raise Fault("PATH_REFUSED", f"{what} {path}: {error.strerror}") from error
