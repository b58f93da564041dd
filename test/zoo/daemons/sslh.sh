# Two processes: main + one listener child that holds the port; listener outlives kill -9 of main. A
# naive restart after kill -9 fails: starter exit 1; it says: sslh-fork.c:110:connect: Permission
# denied.

packages=(sslh)
class=(single-fork setsid-in-main has-children drops-privileges restart-fails-orphans-hold-port
	orphans-after-kill9)
argv=(sslh --listen "127.0.0.1:$PORT" --ssh "127.0.0.1:$PORT2" --http "127.0.0.1:$PORT3" --pidfile
	"$DIR/s.pid" --user nobody)

main_pid() { cat "$DIR/s.pid"; }
ready() { port_open; }
