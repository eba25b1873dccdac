FROM a
CMD [ "echo", [ "nested json" ] ]
