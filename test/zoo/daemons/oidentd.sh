packages=(oidentd)
class=(single-fork setsid-in-main drops-privileges no-pidfile odd-exit-on-stop)
argv=(oidentd -a 127.0.0.1 -p "$PORT" -C "$DIR/o.conf" -u nobody -g nogroup)
ends='signal 15'

setup() { : > "$DIR/o.conf"; }

main_pid() { listener; }
ready() { port_open; }
