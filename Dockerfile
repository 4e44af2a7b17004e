FROM python:3.13-slim

RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin muster \
 && install --directory --owner muster --mode 700 /data
WORKDIR /app

COPY requirements.lock .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock

COPY wsgi.py pyproject.toml LICENSE ./
COPY webapp webapp
COPY workers workers
COPY templates templates
COPY static static
COPY docs docs
COPY migrations migrations
RUN printf '%s\n' '#!/bin/sh' 'exec python -P -m webapp.cli "$@"' > /usr/local/bin/muster \
 && chmod +x /usr/local/bin/muster

ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MUSTER_DATA=/data MUSTER_HOST=0.0.0.0
USER muster
VOLUME /data
EXPOSE 8080 8081
ENTRYPOINT ["muster"]
CMD ["up"]
