# The worker. Build: docker build -t seamwatch .

# The console's pages.
FROM node:22-slim AS web
WORKDIR /web
COPY sinks/console/web/package.json sinks/console/web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY sinks/console/web .
RUN npm run build

# The whole image has the C compiler that the engine is compiled with.
FROM python:3.11 AS build
WORKDIR /source
RUN python -m venv /opt/seamwatch
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# Dependencies first: this layer is built again only when they change.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
print(*project['dependencies'], *project['optional-dependencies']['postgres'], \
*project['optional-dependencies']['tracing'], sep='\n')" > requirements.txt \
    && /opt/seamwatch/bin/pip install -c constraints.txt -r requirements.txt
COPY . .
COPY --from=web /web/dist sinks/console/web/dist
# Compiling needs what is compiled against, and tools that the image itself does without.
RUN python -m venv /opt/tools && /opt/tools/bin/pip install -c constraints.txt '.[compile]' \
    && SEAMWATCH_COMPILE=1 /opt/tools/bin/pip wheel --no-deps --no-build-isolation -w /wheels . \
    && /opt/seamwatch/bin/pip install -c constraints.txt "$(ls /wheels/*.whl)[postgres,tracing]"

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin seamwatch
COPY --from=build /opt/seamwatch /opt/seamwatch
ENV PATH=/opt/seamwatch/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /tmp
# Whoever runs it publishes the port; inside a container loopback would hide it from the host.
ENV SEAMWATCH_METRICS_HOST=0.0.0.0 SEAMWATCH_METRICS_PORT=9464
EXPOSE 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['SEAMWATCH_METRICS_PORT'] + '/readyz', timeout=4)"]
ENTRYPOINT ["seamwatch"]
CMD ["worker"]
