"""Rolls: from a look and what the objects remember to the next steps."""
