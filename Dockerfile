# The operator and its command line: docs/image.md says how to build it and what is in it.

ARG PYTHON=3.13-slim-trixie
# sha256:..., of the base image. Tags move; a release is built with this argument.
ARG PYTHON_DIGEST=

FROM python:${PYTHON}${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /opt/source
COPY requirements.txt requirements-build.txt ./
# One environment without pip for the final image, and one that builds our own wheel.
# The Kubernetes client comes with 120 MB of typed models and calls, loaded when asked for; the
# operator and `readiness status` ask for these.
RUN python -m venv /opt/build && python -m venv --without-pip /opt/readiness && \
    /opt/build/bin/python -m pip install --require-hashes --only-binary :all: \
      -r requirements-build.txt && \
    /opt/build/bin/python -m pip --python /opt/readiness/bin/python install --no-compile \
      --require-hashes --only-binary :all: -r requirements.txt && \
    find /opt/readiness/lib/python*/site-packages/kubernetes -type f -name '*.py' \
      '(' -path '*/client/api/*' -o -path '*/client/models/*' ')' ! -name __init__.py \
      ! -name custom_objects_api.py ! -name 'v1_api_resource*.py' ! -name v1_delete_options.py \
      ! -name v1_managed_fields_entry.py ! -name v1_object_meta.py \
      ! -name v1_owner_reference.py ! -name v1_preconditions.py -delete
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
# The root file system is read-only where it runs, so bytecode is made here; checked by nothing, it
# holds whatever times the files get.
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . && \
    /opt/build/bin/python -m pip --python /opt/readiness/bin/python install --no-compile \
      --no-deps dist/*.whl && \
    python -m compileall -q --invalidation-mode unchecked-hash /opt/readiness/lib

FROM python:${PYTHON}${PYTHON_DIGEST:+@${PYTHON_DIGEST}}
ARG VERSION=0.0.0
ARG REVISION=
LABEL org.opencontainers.image.title="readiness-operator" \
      org.opencontainers.image.description="Holds every workload of a Kubernetes cluster against a production readiness policy" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/readiness /opt/readiness
# Where /etc/passwd knows no such user, the Kubernetes client asks HOME or fails.
ENV PATH="/opt/readiness/bin:${PATH}" HOME=/ PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["readiness"]
CMD ["--help"]
