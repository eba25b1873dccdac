FROM localhost/rich
SHELL ["/bin/sh", "-ec"]
ONBUILD COPY . /app/
ONBUILD RUN echo onbuild >/onbuild.txt || echo onbuild > /tmp/onbuild.txt
ONBUILD ARG ONB=x
ONBUILD ENV ONB=$ONB
ONBUILD WORKDIR /app
