# Notebook ETL as an image (docs/containers.md). Targets: runtime (the last one, the default), superset, dev.
# The base is any Debian 12: what is installed comes from Debian, PyPI and Maven Central.
ARG BASE=debian:12.14-slim

# What every stage needs. The user has a fixed number, so that volumes keep their owner from image to image.
FROM ${BASE} AS system
# hadolint ignore=DL3008
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates openjdk-17-jre-headless python3 python3-venv tdsodbc tini tzdata unixodbc && \
    rm -rf /var/lib/apt/lists/* && \
    groupadd --gid 10001 etl && \
    useradd --uid 10001 --gid 10001 --create-home --shell /bin/bash etl && \
    install -d -o etl -g etl -m 0700 /data
ENV LANG=C.UTF-8 PYTHONUNBUFFERED=1 ETL_INSTALL_JAVA=false

# The pinned packages, the wheel, the Java libraries and the class archive of Spark's JVM. Where packages come from a mirror:
# --secret id=pip,src=pip.conf and --secret id=ivy,src=ivysettings.xml; neither stays in the image.
FROM system AS build
ENV PATH=/opt/etl/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 ETL_HOME=/tmp/home ETL_JARS=/opt/etl/jars
WORKDIR /src
COPY requirements.txt ./
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python3 -m venv /opt/etl/venv && \
    pip install --requirement requirements.txt
COPY . .
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    pip wheel --no-deps --wheel-dir /tmp/wheel . && \
    pip install --no-deps /tmp/wheel/*.whl
WORKDIR /tmp
# What a command creates is private to its user, here root; and some packages have files that only their owner may read.
RUN --mount=type=secret,id=ivy,target=/tmp/ivysettings.xml \
    if [ -s ivysettings.xml ]; then export ETL_IVY_SETTINGS=/tmp/ivysettings.xml; fi && \
    python -m etl setup && \
    ls /opt/etl/jars/spark-*.jsa && \
    chmod -R a+rX /opt/etl

FROM build AS superset-build
ENV ETL_SUPERSET_VENV=/opt/superset/venv
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    python -m etl setup --dashboards && \
    chmod -R a+rX /opt/superset

FROM system AS etl
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="notebook-etl" \
    org.opencontainers.image.description="Notebook-driven micro-batch ETL for IoT readings, with an audit log." \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/etl /opt/etl
ENV PATH=/opt/etl/venv/bin:$PATH ETL_HOME=/data ETL_JARS=/opt/etl/jars
WORKDIR /data
USER 10001:10001
# SIGTERM reaches the command alone, and not the kernels and JVMs that it has started: a notebook may end.
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["python", "-m", "etl", "--help"]
# For a schedule: cycles end when they are due. compose.yaml has another one for each service that is no schedule.
HEALTHCHECK --interval=1m --timeout=30s --start-period=3m --retries=3 \
    CMD ["python", "-m", "etl", "check", "--kind", "silent_schedule"]

# The dashboards: Superset has a virtual environment that nothing else uses.
FROM etl AS superset
COPY --from=superset-build /opt/superset /opt/superset
ENV ETL_SUPERSET_VENV=/opt/superset/venv
CMD ["python", "-m", "etl", "dashboards", "--listen", "0.0.0.0:8088"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=3m --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8088/health', timeout=5)"]

# For contributors: a clone is mounted, `make` does the rest (.devcontainer/).
FROM system AS dev
# hadolint ignore=DL3008
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        bash-completion chromium git less make openssh-client prometheus && \
    rm -rf /var/lib/apt/lists/*
USER 10001:10001
CMD ["bash"]

FROM etl AS runtime
