# --monitor: the main is a child of a 'monitor' process; pidfile = child; SIGSEGV of main ->
# respawned with a new pid (pidfile rewritten), SIGKILL -> both end; kill -9 of the monitor leaves
# main running.

packages=(openvswitch-common)
class=(double-fork setsid-in-middle main-is-child-of-helper odd-exit-on-stop respawned-by-own-helper)
argv=(ovsdb-server --detach --monitor --no-chdir "--pidfile=$DIR/o.pid" "--log-file=$DIR/o.log"
	"--unixctl=$DIR/o.ctl" "--remote=punix:$DIR/o.sock" "$DIR/db")
mends=SEGV
ends='signal 15'

setup() {
	echo '{"name":"zoo","version":"1.0.0","tables":{"t":{"columns":{"c":{"type":"integer"}}}}}' > "$DIR/s.ovsschema"; ovsdb-tool create "$DIR/db" "$DIR/s.ovsschema"
}

main_pid() { cat "$DIR/o.pid"; }
ready() { ovs-appctl -t "$DIR/o.ctl" version >/dev/null; }
