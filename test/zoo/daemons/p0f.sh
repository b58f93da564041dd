# No pidfile.

packages=(p0f)
class=(single-fork setsid-in-main no-pidfile)
argv=(p0f -d -i lo -s "$DIR/p.sock" -o "$DIR/p.log")

main_pid() { unix_listener "$DIR/p.sock"; }
ready() { [ -S "$DIR/p.sock" ]; }
