# As postgresql-pg_ctl-w, but the starter exits at once: postmaster.pid and readiness come later.

packages=(postgresql-15)
class=(single-fork setsid-in-main exec-after-fork pidfile-after-starter-exit ready-after-starter-exit
	has-children)
user=postgres
argv=(/usr/lib/postgresql/15/bin/pg_ctl -D "$DIR/data" -l "$DIR/pg.log" -W start)

setup() {
	own() { if [ $(id -u) = 0 ]; then chown -R postgres "$DIR"; setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi; }
	own /usr/lib/postgresql/15/bin/initdb -D "$DIR/data" -A trust -N -U zoo >/dev/null
	cat >> "$DIR/data/postgresql.conf" <<X
listen_addresses='127.0.0.1'
port=$PORT
unix_socket_directories='$DIR'
fsync=off
shared_buffers=8MB
X
	touch "$DIR/pg.log"; chmod 666 "$DIR/pg.log"
}

main_pid() { head -1 "$DIR/data/postmaster.pid"; }
ready() { /usr/lib/postgresql/15/bin/pg_isready -q -h 127.0.0.1 -p $PORT; }
