# A server of one store. Every RUN below is a script of deploy/ that .ci/run executes as well.
#
#   docker build -t isthmus .
#   docker run --rm -v isthmus:/data -v ~/Pictures:/media:ro isthmus index /media
#   docker run --rm -v isthmus:/data -v ~/Pictures:/media:ro -p 127.0.0.1:8765:8765 \
#       -e ISTHMUS_TOKEN isthmus
#
# On a machine without an accelerator, --build-arg PIP_EXTRA_INDEX_URL=… with PyTorch's index for
# CPUs saves gigabytes.

FROM python:3.11-slim-bookworm AS build
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
# What the check exports of models stays in the image.
ENV ISTHMUS_CACHE=/data/cache
COPY . /src
RUN ["/src/deploy/install.sh", "/opt/isthmus", "/data"]
RUN ["/opt/isthmus/bin/python", "/src/deploy/check.py"]

FROM python:3.11-slim-bookworm
COPY --from=build /opt/isthmus /opt/isthmus
COPY --from=build --chown=1000:1000 /data /data
# Stores, vectors and exported models lie in /data; what is in /media is only read.
ENV PATH=/opt/isthmus/bin:$PATH HOME=/data PYTHONUNBUFFERED=1 \
    ISTHMUS_STORE=/data/store ISTHMUS_CACHE=/data/cache ISTHMUS_DATA=/data/data
USER 1000:1000
WORKDIR /media
VOLUME /data
EXPOSE 8765
ENTRYPOINT ["isthmus"]
CMD ["serve", "--host", "0.0.0.0", "--name", "localhost", "--allow", "/media"]
