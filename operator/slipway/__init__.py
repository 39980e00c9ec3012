"""Slipway: from a model registry to a running endpoint."""
