# Exits 1, not 0, on SIGTERM.

packages=(mini-httpd curl)
class=(single-fork setsid-in-main drops-privileges odd-exit-on-stop)
argv=(mini_httpd -h 127.0.0.1 -p "$PORT" -d "$DIR/www" -i "$DIR/m.pid" -u nobody -l "$DIR/m.log")
ends='status 1'

setup() { mkdir -p "$DIR/www"; echo zoo > "$DIR/www/index.html"; }

main_pid() { cat "$DIR/m.pid"; }
ready() { page; }
