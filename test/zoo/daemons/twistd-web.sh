# Twisted re-raises: main dies 'by signal TERM' after a clean shutdown.

packages=(python3-twisted curl)
class=(double-fork setsid-in-middle slow-starter odd-exit-on-stop)
argv=(twistd3 "--pidfile=$DIR/t.pid" "--logfile=$DIR/t.log" "--rundir=$DIR" web
	"--listen=tcp:$PORT:interface=127.0.0.1" "--path=$DIR/www")
ends='signal 15'

setup() { mkdir -p "$DIR/www"; echo zoo > "$DIR/www/index.html"; }

main_pid() { cat "$DIR/t.pid"; }
ready() { page; }
