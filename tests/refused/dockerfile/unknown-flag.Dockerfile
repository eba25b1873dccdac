FROM a
COPY --chonw=1 b c
