packages=(chrony)
class=(double-fork setsid-in-middle)
argv=(chronyd -x -f "$DIR/c.conf" -u root)

setup() {
	mkdir -p "$DIR/r"; chmod 700 "$DIR/r"
	cat > "$DIR/c.conf" <<X
port $PORT
bindaddress 127.0.0.1
allow 127.0.0.1
cmdport 0
bindcmdaddress $DIR/r/c.sock
local stratum 10
pidfile $DIR/c.pid
X
}

main_pid() { cat "$DIR/c.pid"; }
ready() { chronyc -h "$DIR/r/c.sock" tracking >/dev/null; }
