"""Models: where they come from, what they are (content identity), and how they are brought into memory."""
