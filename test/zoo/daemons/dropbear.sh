# Exit 1 on SIGTERM.

packages=(dropbear-bin)
class=(single-fork setsid-in-main odd-exit-on-stop)
argv=(dropbear -p "127.0.0.1:$PORT" -P "$DIR/d.pid" -r "$DIR/hk" -E)
ends='status 1'

setup() { dropbearkey -t ed25519 -f "$DIR/hk" >/dev/null; }

main_pid() { cat "$DIR/d.pid"; }
ready() { answers '^SSH-2'; }
