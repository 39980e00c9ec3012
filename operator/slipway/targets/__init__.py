"""Where models are served: one package a kind of target, behind the port in `port.py`."""
