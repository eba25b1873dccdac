# syntax=docker/dockerfile:1
# escape=`
# check=skip=JSONArgsRecommended

# VERSION of the base
ARG VERSION=bookworm
FROM --platform=$BUILDPLATFORM debian:${VERSION} AS build
LABEL "com.example.a b"="c d" version='1.0' legacy=x` y
ENV PATH=/opt/bin:$PATH `
    # a comment
    EMPTY=

ENV LEGACY one  two
RUN --mount=type=cache,target=/var/cache/apt --mount='type=secret,id=a b' `
    apt-get update && `

    echo "done"
RUN ["/bin/sh", "-c", "echo \u00e9"]
ADD --checksum=sha256:00 --unpack=false https://example.com/a.tar.gz /src/
COPY --from=build --chown=1:1 --link -- a b /c/
COPY ["with space", "/d/"]
EXPOSE 80 443/udp
VOLUME ["/data"]
USER app:app
WORKDIR /a b
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --retries=3 CMD curl -f http://localhost/ || exit 1
SHELL ["/bin/bash", "-c"]
MAINTAINER Somebody <a@example.com>
CMD echo hello
ENTRYPOINT ["/entry"]
onbuild COPY --chmod=755 . /app
