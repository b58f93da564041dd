# Go program: cannot fork, execs a new copy of itself ('caddy run') as a child, which pings back
# over TCP when ready; no setsid.

packages=(caddy curl)
class=(single-fork no-setsid exec-after-fork)
env=("HOME=$DIR")
argv=(caddy start --config "$DIR/Caddyfile" --adapter caddyfile --pidfile "$DIR/c.pid")

setup() {
	cat > "$DIR/Caddyfile" <<X
{
 admin 127.0.0.1:$PORT2
 auto_https off
}
http://127.0.0.1:$PORT {
 bind 127.0.0.1
 respond "zoo"
}
X
}

main_pid() { cat "$DIR/c.pid"; }
ready() { page; }
reload() { caddy reload --config $DIR/Caddyfile --adapter caddyfile --address 127.0.0.1:$PORT2; }
