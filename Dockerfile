# The monitor's image.  It needs no root, no capability and no writable file system but the tester's volume, and runs
# under any user ID.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim

# What builds is no part of what is shipped.
FROM ${PYTHON_IMAGE} AS tools
RUN python3 -m venv /tools \
 && printf 'setuptools==84.2.1 --hash=sha256:ca140b45d5325a9478f880e351484f62fef15f336462e449ca0c03c873d589c2\n' > /tools/requirements.txt \
 && /tools/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement /tools/requirements.txt

# The dependencies change seldom, and have a layer of their own.
FROM tools AS dependencies
COPY requirements.txt /source/
RUN python3 -m venv --without-pip /opt/bootstrap-monitor \
 && /tools/bin/pip --python /opt/bootstrap-monitor/bin/python install --no-cache-dir --require-hashes --requirement /source/requirements.txt

FROM dependencies AS package
COPY pyproject.toml README.md LICENSE /source/
COPY monitor /source/monitor
# pip runs under the shipped environment's Python, which has no setuptools; it finds the one of the tools.
RUN PYTHONPATH=$(/tools/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
    /tools/bin/pip --python /opt/bootstrap-monitor/bin/python install --no-cache-dir --no-deps --no-build-isolation --root /package /source

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="bootstrap-monitor" \
      org.opencontainers.image.description="Keeps proving that a blockchain node can still bootstrap" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=dependencies /opt/bootstrap-monitor /opt/bootstrap-monitor
COPY --from=package /package/ /
# One arena for all threads: they seldom allocate at once, and each arena of its own costs memory for good.
ENV PATH=/opt/bootstrap-monitor/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=1
# Manifests that call ./bootstrap-monitor, as those of other images of this name do, find it too.
WORKDIR /avalanchego/build
RUN ln -s /opt/bootstrap-monitor/bin/bootstrap-monitor ./bootstrap-monitor
USER 65532:65532
ENTRYPOINT ["bootstrap-monitor"]
