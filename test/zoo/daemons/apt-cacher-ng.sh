packages=(apt-cacher-ng curl)
class=(single-fork setsid-in-main)
argv=(apt-cacher-ng -c "$DIR/c")

setup() {
	mkdir "$DIR/c" "$DIR/cache" "$DIR/log"
	cat > "$DIR/c/acng.conf" <<X
Port: $PORT
BindAddress: 127.0.0.1
CacheDir: $DIR/cache
LogDir: $DIR/log
PidFile: $DIR/a.pid
SupportDir: /usr/lib/apt-cacher-ng
ForeGround: 0
X
}

main_pid() { cat "$DIR/a.pid"; }
ready() { port_open; }
