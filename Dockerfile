# syntax=docker/dockerfile:1
# otel-insights run, as a user without rights, on a file system that may be read-only: it writes to /data and /tmp only.
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/otel-insights \
 && /opt/otel-insights/bin/pip install --no-cache-dir --disable-pip-version-check ".[server]"

FROM python:3.12-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin insights \
 && install -d -o insights -g insights -m 0750 /data
COPY --from=build /opt/otel-insights /opt/otel-insights
COPY examples/compose/otel-insights.yaml /etc/otel-insights/config.yaml
ENV PATH=/opt/otel-insights/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER insights
WORKDIR /data
VOLUME /data
EXPOSE 14317 14318 8080
# The first start compiles what PYTHONDONTWRITEBYTECODE keeps no copy of: give it a while.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["otel-insights"]
CMD ["run", "--config", "/etc/otel-insights/config.yaml"]
