# pidfile is written after dropping to nobody.

packages=(memcached)
class=(single-fork setsid-in-main drops-privileges)
argv=(memcached -d -l 127.0.0.1 -p "$PORT" -U 0 -m 8 -P "$DIR/w/m.pid" -u nobody)

setup() { mkdir -m 777 "$DIR/w"; chmod 777 "$DIR/w"; }

main_pid() { cat "$DIR/w/m.pid"; }
ready() { answers '^VERSION' 'version\r\n'; }
