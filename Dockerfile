FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/fieldview-bot
# The packages first: they change seldom, and the layer is kept.
COPY requirements/serve.txt requirements/build.txt requirements/
RUN pip --python /opt/fieldview-bot install --no-cache-dir --no-deps --require-hashes --requirement requirements/serve.txt \
    && pip install --no-cache-dir --no-deps --require-hashes --requirement requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY bot/ bot/
COPY handlers/ handlers/
COPY storage/ storage/
RUN python -m hatchling build --target wheel --directory dist \
    && pip --python /opt/fieldview-bot install --no-cache-dir --no-deps --no-index dist/*.whl
# What is in the image, for whoever has to know: CycloneDX, readable at /opt/fieldview-bot/sbom.json.
RUN cyclonedx-py environment /opt/fieldview-bot/bin/python --pyproject pyproject.toml --output-reproducible \
    --output-file /opt/fieldview-bot/sbom.json

FROM python:3.12-slim
RUN groupadd --gid 10001 bot \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin bot \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/fieldview-bot /opt/fieldview-bot
# Nothing is written but /data, which holds the SQLite file: the root file system may be read-only.
ENV PATH=/opt/fieldview-bot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=3000 \
    LOG_FORMAT=json \
    DATABASE_URL=sqlite:////data/fieldview.db
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["fieldview-bot"]
CMD ["serve"]
