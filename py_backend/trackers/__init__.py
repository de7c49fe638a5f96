"""Experiment trackers, each through its own official library, in a process of its own beside a run."""
