# Double fork then exec of python: main has a new exe/cmdline after the fork; pidfile and readiness
# come late; warm shutdown on TERM takes 2-4 s. A pidfile that was left is in the way (exit 73) when
# its pid has been given to another process meanwhile: seen on a busy machine.

packages=(celery)
class=(double-fork setsid-in-middle exec-after-fork pidfile-after-starter-exit ready-after-starter-exit
	slow-starter has-children)
argv=(celery "--workdir=$DIR" -A app worker --detach "--pidfile=$DIR/c.pid" "--logfile=$DIR/c.log"
	--concurrency=2 --without-gossip --without-mingle --without-heartbeat --loglevel=INFO)
clean=("$DIR/c.pid")

setup() {
	mkdir -p "$DIR/q"
	cat > "$DIR/app.py" <<X
from celery import Celery
app = Celery('app', broker='filesystem://')
app.conf.broker_transport_options = {'data_folder_in': '$DIR/q', 'data_folder_out': '$DIR/q'}
X
}

main_pid() { cat "$DIR/c.pid"; }
ready() { # and it was not the earlier one that said so
	[ "$DIR/c.log" -nt "$DIR/c.pid" ]
	tail -n 1 "$DIR/c.log" | grep -q ready
}
