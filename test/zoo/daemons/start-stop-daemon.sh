# Double fork, setsid in the middle process, then exec of the target.

packages=(dpkg)
class=(double-fork setsid-in-middle exec-after-fork odd-exit-on-stop)
argv=(/sbin/start-stop-daemon --start --background --make-pidfile --pidfile "$DIR/d.pid" --startas /bin/sleep
	-- 1000)
ends='signal 15'

main_pid() { cat "$DIR/d.pid"; }
ready() { alive "$DIR/d.pid"; }
