"""Scores of language understanding by lm-evaluation-harness, an optional package (requirements-eval.txt)."""
