# Group child + pty shells; pidfile-less; port opens ~0.8 s after the starter's exit; console
# children stay after SIGTERM and after kill -9; still there 4 s after the stop: sh, sleep. A naive
# restart after kill -9 works, but the old orphans run on beside it.

packages=(conserver-server)
class=(single-fork setsid-in-main ready-after-starter-exit has-children no-pidfile leftovers-after-clean-stop
	restart-duplicates orphans-after-kill9)
argv=(/usr/sbin/conserver -d -p "$PORT" -b "$PORT2" -M 127.0.0.1 -C "$DIR/c.cf" -L "$DIR/c.log" -U
	"$DIR/u.log")

setup() {
	cat > "$DIR/c.cf" <<X
config * {
 defaultaccess allowed;
 daemonmode on;
}
default * {
 rw *;
 master localhost;
}
access * {
 trusted 127.0.0.1;
}
console zoo {
 type exec;
 exec "sleep 1000";
}
X
}

main_pid() { listener; }
ready() { port_open; }
