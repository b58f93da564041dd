# AutoRestart: pidfile = a parent that only respawns its child, the child owns the port; kill -9 of
# the parent leaves the child serving; new starter exits 0 and dies later: silent failure. A naive
# restart after kill -9 fails silently: starter exits 0, no new main.

packages=(opendkim)
class=(single-fork setsid-in-main has-children restart-fails-silently orphans-after-kill9)
argv=(opendkim -x "$DIR/o.conf" -p "inet:$PORT@127.0.0.1" -P "$DIR/o.pid")

setup() {
	cat > "$DIR/o.conf" <<X
Mode v
AutoRestart yes
AutoRestartRate 10/1h
Background yes
Syslog no
UserID root
X
}

main_pid() { cat "$DIR/o.pid"; }
ready() { port_open; }
