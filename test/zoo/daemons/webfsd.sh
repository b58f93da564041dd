# Stale pidfile blocks the next start: 'open w.pid: File exists' (starter exit 1). A naive restart
# after kill -9 fails: starter exit 1 (stale file); it says: open $DIR/w.pid: File exists.

packages=(webfs curl)
class=(single-fork setsid-in-main stale-file-blocks-restart)
argv=(webfsd -i 127.0.0.1 -4 -p "$PORT" -r "$DIR/www" -f index.html -k "$DIR/w.pid")
clean=("$DIR/w.pid")
complains='File exists'

setup() { mkdir -p "$DIR/www"; echo zoo > "$DIR/www/index.html"; }

main_pid() { cat "$DIR/w.pid"; }
ready() { page; }
