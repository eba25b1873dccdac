FROM a
HEALTHCHECK --interval=10us CMD b
