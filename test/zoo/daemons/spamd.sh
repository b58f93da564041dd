# Starter waits 1-2 s for the child's pidfile (perl compile); preforked children end with the
# master.

packages=(spamd)
class=(single-fork setsid-in-main slow-starter has-children)
argv=(spamd -d -L -r "$DIR/s.pid" -i 127.0.0.1 -p "$PORT" -m 2 --min-children=1 -s "$DIR/s.log" -H "$DIR"
	--nouser-config -u nobody)

setup() { mkdir "$DIR/site"; }

main_pid() { cat "$DIR/s.pid"; }
ready() { answers PONG "PING SPAMC/1.2\r\n\r\n"; }
