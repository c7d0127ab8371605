FROM python:3.13-slim

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
