"""Lays a story out: terminal, Markdown, HTML, JSON. Says nothing of its own."""
