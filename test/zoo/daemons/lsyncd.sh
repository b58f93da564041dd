# Lua; exit 143 on SIGTERM; a startup rsync child comes before readiness.

packages=(lsyncd)
class=(single-fork setsid-in-main ready-after-starter-exit odd-exit-on-stop)
argv=(lsyncd -pidfile "$DIR/l.pid" -logfile "$DIR/l.log" "$DIR/l.lua")
ends='status 143'

setup() {
	mkdir "$DIR/a" "$DIR/b"
	printf 'settings { statusFile = "%s", nodaemon = false }\nsync { default.rsync, source = "%s", target = "%s", delay = 1 }\n' "$DIR/l.status" "$DIR/a" "$DIR/b" > "$DIR/l.lua"
}

main_pid() { cat "$DIR/l.pid"; }
ready() { touch "$DIR/a/x"; sleep 0.1; [ -e "$DIR/b/x" ]; }
