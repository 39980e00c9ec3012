"""`make bench`: the loop and the whole operator beside a plain kopf operator, on a real API server."""
