"""Model registries: one module each, behind the port in `port.py`."""
