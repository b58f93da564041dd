packages=(lighttpd curl)
class=(double-fork setsid-in-middle)
argv=(lighttpd -f "$DIR/l.conf")

setup() {
	mkdir -p "$DIR/www"; echo zoo > "$DIR/www/index.html"
	cat > "$DIR/l.conf" <<X
server.document-root = "$DIR/www"
server.bind = "127.0.0.1"
server.port = $PORT
server.pid-file = "$DIR/l.pid"
server.errorlog = "$DIR/err.log"
index-file.names = ( "index.html" )

X
}

main_pid() { cat "$DIR/l.pid"; }
ready() { page; }
reload() {
	kill -USR1 "$(cat "$DIR/l.pid")"
	await started_twice
}
started_twice() { [ "$(grep -c 'server started' "$DIR/err.log")" = 2 ]; }
