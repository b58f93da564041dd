# Emperor + vassal master + vassal workers (two-level tree of supervisors); --die-on-term makes TERM
# stop it; 3 s to stop.

packages=(uwsgi-core uwsgi-plugin-python3 curl)
class=(double-fork setsid-in-middle has-children)
argv=(uwsgi --die-on-term --emperor "$DIR/vassals" --pidfile "$DIR/u.pid" --daemonize "$DIR/u.log")

setup() {
	cat > "$DIR/app.py" <<X
def application(e, s):
    s('200 OK', [('Content-Type', 'text/plain')]); return [b'zoo']
X
	mkdir -p "$DIR/vassals"
	cat > "$DIR/vassals/app.ini" <<X
[uwsgi]
plugin = python3
wsgi-file = $DIR/app.py
http-socket = 127.0.0.1:$PORT
master = true
processes = 2
X
}

main_pid() { cat "$DIR/u.pid"; }
ready() { page; }
