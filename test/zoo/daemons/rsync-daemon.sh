packages=(rsync)
class=(single-fork setsid-in-main)
argv=(rsync --daemon "--config=$DIR/r.conf" --address=127.0.0.1 "--port=$PORT")

setup() {
	cat > "$DIR/r.conf" <<X
pid file = $DIR/r.pid
log file = $DIR/r.log
use chroot = no
[m]
path = $DIR
X
}

main_pid() { cat "$DIR/r.pid"; }
ready() { rsync rsync://127.0.0.1:$PORT/ | grep -q m; }
