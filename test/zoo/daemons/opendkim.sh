# 3-5 s to stop (libmilter poll loop).

packages=(opendkim)
class=(single-fork setsid-in-main)
argv=(opendkim -x "$DIR/o.conf" -p "inet:$PORT@127.0.0.1" -P "$DIR/o.pid")

setup() {
	cat > "$DIR/o.conf" <<X
Mode v
AutoRestart no
Background yes
Syslog no
UserID root
X
}

main_pid() { cat "$DIR/o.pid"; }
ready() { port_open; }
