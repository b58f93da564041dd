# Fork without setsid in the main; only the pty child is a session; prints the key and detaches; no
# pidfile.

packages=(mosh)
class=(single-fork no-setsid has-children no-pidfile)
argv=(mosh-server new -i 127.0.0.1 -p "$PORT" -- sleep 1000)

main_pid() { udp_listener; }
ready() { udp_listener >/dev/null; }
