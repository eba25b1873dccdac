FROM scratch
RUN <<EOF
echo $HOME # kept
EOF
RUN 3<<-'E O F' cat <<second >out
	tabs
	E O F
raw
second
COPY <<a.txt <<"b.txt" /etc/
a $A
a.txt
b $B
b.txt
ONBUILD RUN <<EOT
trigger
EOT
RUN ["<<EOF"]
RUN echo "<<EOF" a<<EOF
