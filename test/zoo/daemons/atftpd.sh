packages=(atftpd)
class=(single-fork setsid-in-main)
argv=(atftpd --daemon --bind-address 127.0.0.1 --port "$PORT" --pidfile "$DIR/a.pid" --user root.root
	--logfile "$DIR/a.log" "$DIR")

setup() { touch "$DIR/a.log"; chmod 666 "$DIR/a.log"; }

main_pid() { cat "$DIR/a.pid"; }
ready() { udp_listener >/dev/null; }
