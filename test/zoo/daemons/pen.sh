packages=(pen)
class=(single-fork setsid-in-main)
argv=(pen -p "$DIR/p.pid" "127.0.0.1:$PORT" 127.0.0.1:1)

main_pid() { cat "$DIR/p.pid"; }
ready() { port_open; }
