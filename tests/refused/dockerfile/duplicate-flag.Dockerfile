FROM a
COPY --from=b --from=c d e
