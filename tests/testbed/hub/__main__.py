"""`python -m tests.testbed.hub --port 8080`: a Hub with one model, until interrupted."""

import argparse
import contextlib
import threading

from tests.testbed.hub import LocalHub, llama_8b_repository


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.testbed.hub", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: the kernel chooses")
    parser.add_argument("--repo", default="mlabonne/TwinLlama-3.1-8B-DPO", help="name of the model to serve")
    arguments = parser.parse_args()
    with LocalHub(port=arguments.port) as hub:
        hub.create_repo(arguments.repo)
        commit = hub.commit(arguments.repo, llama_8b_repository())
        print(f"HF_ENDPOINT={hub.url}\n{arguments.repo}@{commit}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
