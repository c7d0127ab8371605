FROM python:3.13-slim

# hub backup and hub restore call pg_dump and pg_restore
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/hub
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation . \
    && useradd --system --home-dir /var/lib/hub hub \
    && install -d -o hub -g hub /var/lib/hub /var/lib/schools /var/lib/broker

USER hub
WORKDIR /var/lib/hub
EXPOSE 8000
CMD ["hub", "serve"]
