FROM a
RUN b




COPY c
