# Starter exits before the final main is even born (born 4 ms after the starter's exit in the probe)
# and before the pidfile exists; orphaned workers go on answering for a while after kill -9;
# USR2+TERM hands over to a new master (pid changes, pidfile .2).

packages=(gunicorn curl)
class=(double-fork setsid-in-middle pidfile-after-starter-exit has-children orphans-after-kill9
	main-pid-changes-on-reload)
argv=(gunicorn --daemon --chdir "$DIR" -b "127.0.0.1:$PORT" -p "$DIR/g.pid" -w 2 --error-logfile "$DIR/g.log"
	app:application)

setup() {
	cat > "$DIR/app.py" <<X
def application(e, s):
    s('200 OK', [('Content-Type', 'text/plain')]); return [b'zoo']
X
}

main_pid() { cat "$DIR/g.pid"; }
ready() { page; }
handover() {
	old=$(cat "$DIR/g.pid")
	kill -USR2 "$old"
	await test -s "$DIR/g.pid.2"
	sleep 1 # until its workers stand
	kill -TERM "$old"
}
