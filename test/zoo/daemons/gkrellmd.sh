packages=(gkrellmd)
class=(single-fork setsid-in-main drops-privileges odd-exit-on-stop)
argv=(gkrellmd -d -A 127.0.0.1 -P "$PORT" --pidfile "$DIR/g.pid")
ends='signal 15'

main_pid() { cat "$DIR/g.pid"; }
ready() { port_open; }
