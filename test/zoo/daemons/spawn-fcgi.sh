# Forks and execs another program (fcgiwrap): comm of main differs from the starter; prefork
# children of fcgiwrap stay behind even after a normal SIGTERM of main; still there 4 s after the
# stop: fcgiwrap, fcgiwrap. A naive restart after kill -9 fails: starter exit 255; it says: spawn-
# fcgi: bind failed: Address already in use.

packages=(spawn-fcgi fcgiwrap)
class=(single-fork setsid-in-main exec-after-fork has-children odd-exit-on-stop leftovers-after-clean-stop
	restart-fails-orphans-hold-port orphans-after-kill9)
argv=(spawn-fcgi -a 127.0.0.1 -p "$PORT" -P "$DIR/s.pid" -- /usr/sbin/fcgiwrap -c 2)
ends='signal 15'

main_pid() { cat "$DIR/s.pid"; }
ready() { port_open; }
