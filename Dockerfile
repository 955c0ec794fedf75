# MemesPy, served. Build and run:
#   docker build -t memespy .
#   docker run --init -p 8081:8081 -v memes:/data memespy
# Settings are environment variables (docs/memespy-configuration.md): -e DATABASE_URL=postgresql://...
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN python -m venv /opt/memespy && /opt/memespy/bin/pip install --no-cache-dir '.[memespy,postgres,redis,monitoring]'

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home memespy
COPY --from=build /opt/memespy /opt/memespy
ENV PATH=/opt/memespy/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    XDG_DATA_HOME=/data
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8081
# SIGTERM drains; see docs/memespy.md.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8081/api/health/live', timeout=2)"]
ENTRYPOINT ["memespy"]
CMD ["serve", "--host", "0.0.0.0"]
