# Main + ocserv-sm (security module) helper; 1 s to stop.

packages=(ocserv openssl)
class=(single-fork setsid-in-main has-children)
argv=(ocserv -c "$DIR/o.conf" -p "$DIR/o.pid")

setup() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/key.pem" -out "$DIR/cert.pem" -days 2 -subj /CN=localhost 2>/dev/null
	cat "$DIR/key.pem" "$DIR/cert.pem" > "$DIR/both.pem"
	chmod 600 "$DIR/both.pem" "$DIR/key.pem"
	cat > "$DIR/o.conf" <<X
auth = "plain[passwd=$DIR/pw]"
listen-host = 127.0.0.1
tcp-port = $PORT
run-as-user = nobody
run-as-group = nogroup
socket-file = $DIR/o.sock
server-cert = $DIR/cert.pem
server-key = $DIR/key.pem
isolate-workers = false
max-clients = 4
device = zootun
ipv4-network = 127.50.0.0/24
use-occtl = false
X
	: > "$DIR/pw"
}

main_pid() { cat "$DIR/o.pid"; }
ready() { port_open; }
