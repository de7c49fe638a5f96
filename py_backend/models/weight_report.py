"""Weights that a file and a model do not have in common, as one sentence with names and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SHOWN = 4
Size = Sequence[int] | None


@dataclass(slots=True)
class WeightReport:
    """missing: the model's, not in the files. unexpected: in the files, not the model's. resized: size in the files,
    size in the model. Sizes are None where they are not known."""

    missing: Mapping[str, Size] = field(default_factory=dict)
    unexpected: Mapping[str, Size] = field(default_factory=dict)
    resized: Mapping[str, tuple[Size, Size]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Empty when there is nothing to say."""
        parts = []
        if self.resized:
            sizes = {
                name: f"{_size(got)} in its files, expected {_size(own)}" for name, (got, own) in self.resized.items()
            }
            parts.append(f"{_count(sizes, 'other size')}: {_list(sizes)}")
        if self.missing:
            parts.append(f"{_count(self.missing, 'not in its files')}: {_list(_sizes(self.missing))}")
        if self.unexpected:
            parts.append(f"{_count(self.unexpected, 'unknown to the model')}: {_list(_sizes(self.unexpected))}")
        return "; ".join(parts)


def _sizes(weights: Mapping[str, Size]) -> dict[str, str]:
    return {name: _size(size) for name, size in weights.items()}


def _size(size: Size) -> str:
    return "" if size is None else f"[{', '.join(map(str, size))}]"


def _count(weights: Mapping[str, object], what: str) -> str:
    return f"{len(weights)} weight{'s' * (len(weights) != 1)} {'of ' * what.startswith('other')}{what}"


def _list(sizes: Mapping[str, str]) -> str:
    shown = [f"{name} {size}".rstrip() for name, size in sorted(sizes.items())[:SHOWN]]
    return ", ".join([*shown, "..."] if len(sizes) > SHOWN else shown)
