# The router's image, to stand where aws-for-fluent-bit stands: same paths, same commands.
#
#   docker build -t pyrolens .                       # starts with the config at /fluent-bit/etc/fluent-bit.conf
#   docker build -t pyrolens:init --target init .    # fetches what the environment names first
#
# BASE is any image with Python 3.11 or newer and its venv module, for both stages the same; one without curl and nc
# must have apt-get. EXTRAS are those of pyproject.toml, "" for none. PIP_INDEX_URL is pip's.

ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS made
ARG EXTRAS=kafka,lua
ARG PIP_INDEX_URL
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
RUN python3 -m venv /opt/pyrolens \
 && /opt/pyrolens/bin/pip install --no-cache-dir --disable-pip-version-check "/source${EXTRAS:+[$EXTRAS]}" \
 && echo "pyrolens $(/opt/pyrolens/bin/python -c 'import pyrolens; print(pyrolens.__version__)')" > /source/version \
 && /opt/pyrolens/bin/pip uninstall -qy setuptools pip \
 && find /opt/pyrolens -name tests -type d -prune -exec rm -rf {} +

FROM ${BASE} AS router
# health checks in task definitions call them
RUN command -v curl && command -v nc || { \
      apt-get update -q \
      && apt-get install -qy --no-install-recommends ca-certificates curl netcat-openbsd \
      && rm -rf /var/lib/apt/lists/*; }
COPY --from=made /opt/pyrolens /opt/pyrolens
COPY --from=made /source/version /AWS_FOR_FLUENT_BIT_VERSION
COPY src/pyrolens/ecs/image_root /
RUN mkdir -p /fluent-bit/bin /fluent-bit/log /usr/local/bin \
 && ln -sf /opt/pyrolens/bin/pyrolens /fluent-bit/bin/fluent-bit \
 && ln -sf /opt/pyrolens/bin/pyrolens /usr/local/bin/fluent-bit \
 && ln -sf /opt/pyrolens/bin/pyrolens /usr/local/bin/pyrolens
# Docker cuts lines at 16 KiB; the generated config has no place to say that they be joined again
ENV PYROLENS_JOIN_PARTIAL_MESSAGES=on
EXPOSE 2020 24224
CMD ["/entrypoint.sh"]

FROM router AS init
CMD ["/init/fluent_bit_init_entrypoint.sh"]

FROM router
