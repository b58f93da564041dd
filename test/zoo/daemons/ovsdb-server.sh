packages=(openvswitch-common)
class=(single-fork setsid-in-main odd-exit-on-stop)
argv=(ovsdb-server --detach --no-chdir "--pidfile=$DIR/o.pid" "--log-file=$DIR/o.log" "--unixctl=$DIR/o.ctl"
	"--remote=punix:$DIR/o.sock" "$DIR/db")
ends='signal 15'

setup() {
	echo '{"name":"zoo","version":"1.0.0","tables":{"t":{"columns":{"c":{"type":"integer"}}}}}' > "$DIR/s.ovsschema"; ovsdb-tool create "$DIR/db" "$DIR/s.ovsschema"
}

main_pid() { cat "$DIR/o.pid"; }
ready() { ovs-appctl -t "$DIR/o.ctl" version >/dev/null; }
