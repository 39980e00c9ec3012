# `make demo` and `make test` set up everything that they need: Python >= 3.11, make and the package registries
# suffice. uv comes from PyPI into .venv-uv, unless there is one already.
SHELL := /bin/bash
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .venv-uv/bin/uv)
RUN := $(UV) run --frozen --quiet

.DEFAULT_GOAL := help
.PHONY: help demo move-demo kind-demo test e2e unit lint format crds catalogue images bench clean

help: ## show the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 20

.venv-uv/bin/uv:
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet --disable-pip-version-check uv

.venv/.ready: pyproject.toml uv.lock | $(filter .venv-uv/bin/uv,$(UV))
	$(UV) sync --frozen --quiet
	@touch $@

demo: .venv/.ready ## the whole path on this machine: apply, serve, ask, roll, delete (local stand-ins for the Hub and AWS)
	@$(RUN) python -m tests.testbed.demo

move-demo: .venv/.ready ## a Deployment moves from SageMaker into the cluster, its client stays (Linux, as root)
	@$(RUN) python -m tests.testbed.demo.move

kind-demo: .venv/.ready ## the same on a kind cluster (needs Docker and kind)
	kind get clusters | grep -qx slipway || kind create cluster --name slipway --config kind-config.yaml
	kind get kubeconfig --name slipway > .kind-kubeconfig
	SLIPWAY_KUBECONFIG=$(CURDIR)/.kind-kubeconfig $(RUN) python -m tests.testbed.demo

# The programs of the control plane and the node are built first, in one go: tests that run side by side would wait.
# Files in their order: what takes longest (tests/e2e) is then among the first, not the last alone. It and its neighbours
# mostly wait; the fast tests take what is left of the processors meanwhile, and are shown in the end.
test: lint ## linters and all tests
	@$(RUN) python -m tests.testbed.real_node --build-only
	@log=$$(mktemp); nice $(RUN) pytest --quiet tests/unit > $$log 2>&1 & unit=$$!; \
	trap "kill $$unit 2> /dev/null" EXIT; \
	$(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder --ignore=tests/unit; others=$$?; \
	wait $$unit; unit=$$?; cat $$log; rm $$log; exit $$(( others || unit ))

e2e: .venv/.ready ## install with helm on real nodes of this machine, serve, roll, drain, upgrade (Linux, as root)
	@SLIPWAY_E2E=required $(RUN) pytest tests/e2e --verbose

unit: .venv/.ready ## the fast tests only
	@$(RUN) pytest tests/unit

lint: .venv/.ready ## ruff, mypy, import contracts, Dockerfiles, generated files
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) lint-imports
	@$(RUN) hadolint Dockerfile tests/testbed/images/engines.Containerfile
	@$(RUN) slipway crds crds --chart charts/slipway --check

format: .venv/.ready ## let ruff format and mend
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

crds: .venv/.ready ## generate crds/ and the chart's copies and settings from the models
	@$(RUN) slipway crds crds --chart charts/slipway

catalogue: .venv/.ready ## generate the image catalogue from the SageMaker SDK
	@$(RUN) python -m tests.testbed.catalogue

.ci/image/requirements.txt: .ci/image/requirements.in $(filter .venv-uv/bin/uv,$(UV)) ## lock what builds the image
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--default-index https://pypi.org/simple $< --output-file $@

images: .venv/.ready ## build the operator's image and the test bed's, without Docker (Debian, as root)
	@$(RUN) python -m tests.testbed.images

bench: .venv/.ready ## measure the loop and the whole operator, and what it notices at rest (half an hour)
	@$(RUN) python -m tests.bench

clean: ## remove what was made here
	rm -rf .venv .venv-uv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .kind-kubeconfig
