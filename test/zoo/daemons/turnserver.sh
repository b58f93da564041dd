packages=(coturn)
class=(single-fork setsid-in-main slow-starter odd-exit-on-stop)
argv=(turnserver -o -n -L 127.0.0.1 -p "$PORT" --tls-listening-port "$PORT2" --no-tls --no-dtls --no-cli
	--pidfile "$DIR/t.pid" --log-file "$DIR/t.log" --simple-log -b "$DIR/t.db" -r zoo -a --no-stdout-log
	--relay-ip 127.0.0.1)
ends='signal 15'

main_pid() { cat "$DIR/t.pid"; }
ready() { port_open; }
