"""Which folders models are read from and written to. Without roots: any that the user may."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .faults import Fault


@dataclass(frozen=True, slots=True)
class Roots:
    folders: tuple[Path, ...] = ()

    @staticmethod
    def of(folders: list[str]) -> Roots:
        return Roots(tuple(Path(folder).expanduser().resolve() for folder in folders))

    def check(self, path: Path, what: str) -> Path:
        """The absolute path, links followed. Raises PATH_REFUSED for one outside the roots."""
        resolved = path.expanduser().resolve()
        if self.folders and not any(resolved.is_relative_to(folder) for folder in self.folders):
            allowed = ", ".join(map(str, self.folders))
            raise Fault("PATH_REFUSED", f"{what} {path}: expected a path below {allowed}, got {resolved}")
        return resolved
