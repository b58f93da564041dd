# Exit 1 on SIGTERM (SystemExit); stale PIDLockFile: next starter exits 0 and the daemon never runs:
# silent failure. A naive restart after kill -9 fails silently: starter exits 0, no new main (stale
# file).

packages=(python3-daemon)
class=(double-fork setsid-in-middle odd-exit-on-stop restart-fails-silently stale-file-blocks-restart)
argv=(/usr/bin/python3 "$DIR/d.py")
clean=("$DIR/d.pid")
mute='python-daemon exited, status 1 before it was up'
ends='status 1'

setup() {
	cat > "$DIR/d.py" <<X
import daemon, daemon.pidfile, time
with daemon.DaemonContext(pidfile=daemon.pidfile.PIDLockFile('$DIR/d.pid'), working_directory='$DIR'):
    time.sleep(1000)
X
}

main_pid() { cat "$DIR/d.pid"; }
ready() { alive "$DIR/d.pid"; }
