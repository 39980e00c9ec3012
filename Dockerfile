# The operator's image: Python, the packages of uv.lock, and the libraries that these are linked with. docs/image.md says
# what is in it, and how to build it behind a proxy, with an index of one's own, or on another base.
#
#   docker build -t registry.example.com/slipway:0.1.0 .
#   buildah bud  -t registry.example.com/slipway:0.1.0 .
#
# Any base does that has Python 3.11 or newer as `python`, with venv and pip's wheel for it (ensurepip), `ldd`, and a
# store of CA certificates. Nothing of it is in the image but what runs. Pin it by digest for builds that must repeat.
ARG PYTHON_IMAGE=python:3.12-slim

# hadolint ignore=DL3006
FROM ${PYTHON_IMAGE} AS packages
# Where packages come from. Their hashes are those of uv.lock, wherever that is.
ARG UV_DEFAULT_INDEX=https://pypi.org/simple
ENV UV_NO_CACHE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /source
COPY .ci/image/requirements.txt .ci/image/prune.py image/
COPY pyproject.toml uv.lock ./
# The packages first: these layers stay as they are until the lock file changes. They are installed by hash, and from
# wheels alone, so that nothing is compiled, and nothing of theirs runs.
# The secrets are there for this step alone, and may be absent: a file with certificates, and a .netrc for the index.
RUN --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca; fi \
    && python -m venv /tools \
    && /tools/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
        --index-url "${UV_DEFAULT_INDEX}" --require-hashes --only-binary :all: --requirement image/requirements.txt \
    && /tools/bin/uv export --quiet --frozen --no-dev --format cyclonedx1.5 --output-file locked.cdx.json \
    && /tools/bin/uv export --quiet --frozen --no-dev --no-emit-project --output-file requirements.txt \
    && python -m venv --without-pip /app/.venv \
    && /tools/bin/uv pip install --quiet --python /app/.venv --require-hashes --only-binary :all: \
        --requirement requirements.txt \
    && python image/prune.py /app/.venv

FROM packages AS operator
COPY .ci/image/closure.py image/
RUN python image/closure.py /app /base
COPY .ci/image/bill_of_materials.py image/
COPY README.md LICENSE ./
COPY operator ./operator
# With the locked tools and without the network, into a folder of its own: what changes often is the smallest layer.
RUN /tools/bin/hatchling build -t wheel -d /wheel \
    && /tools/bin/python -m pip --python /app/.venv/bin/python install --quiet --disable-pip-version-check --no-compile \
        --no-cache-dir --no-index --find-links /wheel --no-deps --prefix /own/app/.venv slipway \
    && python -m compileall -q --invalidation-mode unchecked-hash -s /own -p / /own \
    && mkdir -p /own/usr/share/sbom \
    && python image/bill_of_materials.py locked.cdx.json /base /app/.venv /own/app/.venv \
        > /own/usr/share/sbom/slipway.cdx.json

# From nothing, so that no layer holds what is not in the result.
FROM scratch
COPY --from=operator /base/ /
COPY --from=packages /app/ /app/
COPY --from=operator /own/ /
ARG VERSION=0.1.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="slipway" \
      org.opencontainers.image.description="Kubernetes operator that takes a model from its registry to a running endpoint and keeps it there" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
# LOGNAME: kopf asks for the name of the user, and a number that the cluster has chosen (OpenShift) has none.
ENV PATH=/app/.venv/bin \
    HOME=/home/slipway \
    LANG=C.UTF-8 \
    LOGNAME=slipway \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# A number, so that Kubernetes can see for itself that it is not root (runAsNonRoot).
USER 65532:65532
WORKDIR /home/slipway
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["slipway"]
CMD ["run"]
