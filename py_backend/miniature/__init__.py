"""A world of small models and pairs, made in a minute or two: for the quickstart and the miniature reproduction.

Nothing of the backend imports this, and this imports nothing of the backend.
"""
