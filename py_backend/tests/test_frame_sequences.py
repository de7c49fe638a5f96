"""Disturbed frames of a Train stream never change an update silently: the short form of `npm run bench -- frames`."""

from __future__ import annotations

from .frame_sequences import KINDS, fuzz


def test_no_disturbed_sequence_changes_an_update_silently() -> None:
    tally = fuzz(range(120), seed=14)
    assert tally.silent.total() == 0
    assert all(tally.sequences[kind] > 10 for kind in KINDS)
    assert tally.equal.total() > 10 and tally.refused.total() > 50 and tally.refusals > 100
