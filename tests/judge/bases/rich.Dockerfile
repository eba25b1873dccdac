FROM localhost/busybox
LABEL org.example.base=rich org.example.over=base
ENV PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin BASE=rich LANG=C.UTF-8
RUN echo 'app:x:1000:1001:app:/home/app:/bin/sh' >>/etc/passwd; echo 'app:x:1001:' >>/etc/group; echo 'staff:x:50:' >>/etc/group; mkdir -p /home/app && chown 1000:1001 /home/app; ln -s /home/app /link; mkdir /data && ln -s ../data /home/rel
WORKDIR /home/app
USER app
EXPOSE 8080
VOLUME /data
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=30s CMD true
ENTRYPOINT ["/bin/echo"]
CMD ["base"]
