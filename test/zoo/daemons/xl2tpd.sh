# Exit 1 on SIGTERM.

packages=(xl2tpd)
class=(single-fork setsid-in-main odd-exit-on-stop)
argv=(xl2tpd -c "$DIR/x.conf" -s "$DIR/x.sec" -p "$DIR/x.pid" -C "$DIR/x.ctl")
ends='status 1'

setup() { printf '[global]\nlisten-addr = 127.0.0.1\nport = %s\n' "$PORT" > "$DIR/x.conf"; : > "$DIR/x.sec"; }

main_pid() { cat "$DIR/x.pid"; }
ready() { udp_listener >/dev/null; }
