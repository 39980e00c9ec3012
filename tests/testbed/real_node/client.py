"""A client of a Service: asks until its standard input ends, and says of each request how it went.

    python -m tests.testbed.real_node.client URL BODY [CLIENTS]

Every request is a connection of its own, so that each meets the Service as it is at that moment. A line of output is a
JSON object: `status` and `text`, or `error`.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import urllib.error
import urllib.request

_TIMEOUT = 60.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, body: bytes) -> dict[str, object]:
    """One request."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        try:
            with _DIRECT.open(request, timeout=_TIMEOUT) as answer:
                return {"status": answer.status, "text": answer.read().decode()}
        except urllib.error.HTTPError as refused:
            return {"status": refused.code, "text": refused.read().decode(errors="replace")}
    except (OSError, http.client.HTTPException) as broken:  # the second: an answer that ends too early
        return {"error": repr(broken)}


def main(url: str, body: str, clients: str = "1") -> None:
    """Ask at least once."""
    over, speaking = threading.Event(), threading.Lock()

    def run() -> None:
        while True:
            outcome = json.dumps(ask(url, body.encode()))
            with speaking:
                print(outcome, flush=True)
            if over.is_set():
                return

    threads = [threading.Thread(target=run) for _ in range(int(clients))]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
