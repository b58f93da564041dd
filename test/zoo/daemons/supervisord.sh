# Slow starter (python, 0.6-2.5 s); its programs outlive kill -9. A naive restart after kill -9
# works, but the old orphans run on beside it.

packages=(supervisor)
class=(single-fork setsid-in-main slow-starter has-children restart-duplicates orphans-after-kill9)
argv=(supervisord -c "$DIR/s.conf")

setup() {
	cat > "$DIR/s.conf" <<X
[supervisord]
logfile=$DIR/s.log
pidfile=$DIR/s.pid
childlogdir=$DIR
[unix_http_server]
file=$DIR/s.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://$DIR/s.sock
[program:sleep]
command=/bin/sleep 1000
X
}

main_pid() { cat "$DIR/s.pid"; }
ready() { supervisorctl -c "$DIR/s.conf" pid | grep -q "^[0-9]"; }
