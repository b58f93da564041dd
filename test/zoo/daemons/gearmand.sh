# 4 threads, drops to nobody.

packages=(gearman-job-server)
class=(single-fork setsid-in-main drops-privileges)
argv=(gearmand -d -L 127.0.0.1 -p "$PORT" -P "$DIR/w/g.pid" -l "$DIR/w/g.log" -t 2 -u nobody)

setup() { mkdir -m 777 "$DIR/w"; chmod 777 "$DIR/w"; }

main_pid() { cat "$DIR/w/g.pid"; }
ready() { answers 'OK' 'version\n'; }
