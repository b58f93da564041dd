# pidfile = watcher master; a kill -9 of it leaves workers that go on serving. A naive restart after
# kill -9 fails: starter exit 255; it says: (network.c.537) can't bind to socket: 127.0.0.1:20310:
# Address already in use.

packages=(lighttpd curl)
class=(double-fork setsid-in-middle has-children restart-fails-orphans-hold-port orphans-after-kill9)
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
server.max-worker = 2
X
}

main_pid() { cat "$DIR/l.pid"; }
ready() { page; }
