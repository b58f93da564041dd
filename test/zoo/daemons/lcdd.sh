packages=(lcdproc)
class=(single-fork setsid-in-main no-pidfile)
argv=(LCDd -c "$DIR/l.conf" -a 127.0.0.1 -p "$PORT" -d text -u root -s no -r 3)

setup() {
	cat > "$DIR/l.conf" <<X
[server]
DriverPath=/usr/lib/x86_64-linux-gnu/lcdproc/
Driver=text
Bind=127.0.0.1
Port=$PORT
User=root
Foreground=no
[text]
Size=20x4
X
}

main_pid() { listener; }
ready() { port_open; }
