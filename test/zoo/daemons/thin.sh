# pidfile written after the starter's exit (measured false at exit); stop 0.6 s.

packages=(thin curl)
class=(double-fork setsid-in-middle pidfile-after-starter-exit)
argv=(thin start -d -a 127.0.0.1 -p "$PORT" -P "$DIR/t.pid" -l "$DIR/t.log" -R "$DIR/config.ru" -c "$DIR")

setup() {
	cat > "$DIR/config.ru" <<X
run proc { |e| [200, {'Content-Type' => 'text/plain'}, ['zoo']] }
X
}

main_pid() { cat "$DIR/t.pid"; }
ready() { page; }
