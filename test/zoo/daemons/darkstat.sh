# Second process: DNS resolver child; stale pidfile blocks the next start. A naive restart after
# kill -9 fails: starter exit 1 (stale file); it says: error: couldn't not create pidfile: File
# exists.

packages=(darkstat curl)
class=(single-fork setsid-in-main has-children stale-file-blocks-restart)
argv=(darkstat -i lo --pidfile "$DIR/d.pid" --chroot "$DIR/c" --user root -b 127.0.0.1 -p "$PORT")
clean=("$DIR/d.pid")
complains='File exists'

setup() { mkdir "$DIR/c"; chmod 777 "$DIR/c"; }

main_pid() { cat "$DIR/d.pid"; }
ready() { page; }
