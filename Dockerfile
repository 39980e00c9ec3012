# The operator's image. The build fetches from PyPI what uv.lock names, by hash.
#
#   docker build -t registry.example.com/slipway:0.1.0 .
#
# Any base does that has Python 3.11 or newer as `python`, with pip and venv, and a CA store. Both stages use the same
# one, because the virtual environment refers to its interpreter. Pin it by digest for builds that must repeat.
ARG PYTHON_IMAGE=python:3.12-slim

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS build
ARG UV_VERSION=0.13.9
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never
RUN python -m venv /uv && /uv/bin/python -m pip install --no-cache-dir "uv==${UV_VERSION}"
WORKDIR /app
# The dependencies first: this layer stays as it is until the lock file changes.
COPY pyproject.toml uv.lock ./
RUN /uv/bin/uv sync --frozen --no-dev --no-install-project
COPY README.md LICENSE ./
COPY operator ./operator
RUN /uv/bin/uv sync --frozen --no-dev --no-editable

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="slipway" \
      org.opencontainers.image.description="Kubernetes operator that takes a model from its registry to a running endpoint and keeps it there" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing is installed at run time, so pip goes; and the Hub client trusts the system's CA store, so there must be one.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip \
    && python -c "import ensurepip, pathlib, shutil; shutil.rmtree(pathlib.Path(ensurepip.__file__).parent)" \
    && python -c "import ssl; assert ssl.create_default_context().cert_store_stats()['x509_ca'], 'no CA certificates'"
COPY --from=build /app/.venv /app/.venv
# LOGNAME: kopf asks for the name of the user, and a number without an entry in /etc/passwd has none.
ENV PATH=/app/.venv/bin:$PATH \
    LOGNAME=slipway \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A number, so that Kubernetes can see for itself that it is not root (runAsNonRoot).
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["slipway"]
CMD ["run"]
