# The monitor's image: Python, the monitor, and nothing else.  It needs no root, no capability and no writable file
# system but the tester's volume, and runs under any user ID.  No step depends on the architecture.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim

# The build stage is not shipped.
FROM ${PYTHON_IMAGE} AS tools
COPY requirements-build.txt /source/
RUN python3 -m venv /tools \
 && /tools/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement /source/requirements-build.txt

# The dependencies change seldom, and have a layer of their own.  What is compiled stays valid whatever becomes of the
# times of files.
FROM tools AS dependencies
COPY requirements-image.txt /source/
RUN python3 -m venv --without-pip /opt/bootstrap-monitor \
 && rm /opt/bootstrap-monitor/bin/[aA]ctivate* \
 && /tools/bin/pip --python /opt/bootstrap-monitor/bin/python install --no-cache-dir --no-compile --only-binary :all: \
      --require-hashes --requirement /source/requirements-image.txt \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/bootstrap-monitor

FROM dependencies AS root
COPY deploy/image_root.py /source/
RUN python3 /source/image_root.py /opt/bootstrap-monitor /root-of-image

FROM dependencies AS package
COPY pyproject.toml README.md LICENSE /source/
COPY monitor /source/monitor
# pip runs under the shipped environment's Python, which has no setuptools; it finds the one of the tools.
RUN PYTHONPATH=$(/tools/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
    /tools/bin/pip --python /opt/bootstrap-monitor/bin/python install --no-cache-dir --no-compile --no-deps --no-build-isolation --root /package /source \
 && python3 -m compileall -q --invalidation-mode unchecked-hash -s /package -p / /package
# Manifests that call ./bootstrap-monitor, as those of other images of this name do, find it too.
RUN mkdir -p /package/avalanchego/build \
 && ln -s /opt/bootstrap-monitor/bin/bootstrap-monitor /package/avalanchego/build/bootstrap-monitor

FROM scratch
COPY --from=root /root-of-image/ /
COPY --from=dependencies /opt/bootstrap-monitor /opt/bootstrap-monitor
COPY --from=package /package/ /
# One arena for all threads: they rarely allocate at the same time, and each further arena costs memory permanently.
ENV PATH=/opt/bootstrap-monitor/bin LANG=C.UTF-8 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=1
WORKDIR /avalanchego/build
USER 65532:65532
ENTRYPOINT ["bootstrap-monitor"]
# The last step, as they differ from build to build.
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="bootstrap-monitor" \
      org.opencontainers.image.description="Keeps proving that a blockchain node can still bootstrap" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
