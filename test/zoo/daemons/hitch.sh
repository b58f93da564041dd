# Workers die with the master (PDEATHSIG), no orphans.

packages=(hitch openssl)
class=(single-fork setsid-in-main has-children)
argv=(hitch "--config=$DIR/h.conf" "--pidfile=$DIR/h.pid")

setup() {
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$DIR/key.pem" -out "$DIR/cert.pem" -days 2 -subj /CN=localhost 2>/dev/null
	cat "$DIR/key.pem" "$DIR/cert.pem" > "$DIR/both.pem"
	chmod 600 "$DIR/both.pem" "$DIR/key.pem"
	cat > "$DIR/h.conf" <<X
frontend = "[127.0.0.1]:$PORT"
backend = "[127.0.0.1]:1"
pem-file = "$DIR/both.pem"
workers = 2
daemon = on
user = "root"
ocsp-dir = ""
X
}

main_pid() { cat "$DIR/h.pid"; }
ready() { echo | timeout 5 openssl s_client -connect 127.0.0.1:$PORT 2>/dev/null | grep -q "BEGIN CERT"; }
