packages=(xinetd)
class=(single-fork setsid-in-main)
argv=(xinetd -f "$DIR/x.conf" -pidfile "$DIR/x.pid" -filelog "$DIR/x.log" -stayalive)

setup() {
	cat > "$DIR/x.conf" <<X
service daytime
{
 type = INTERNAL UNLISTED
 id = zoo
 socket_type = stream
 protocol = tcp
 wait = no
 port = $PORT
 bind = 127.0.0.1
 user = root
}
X
}

main_pid() { cat "$DIR/x.pid"; }
ready() { answers '20[0-9][0-9]'; }
