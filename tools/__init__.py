"""Maintainers' commands: they write files that are committed."""
