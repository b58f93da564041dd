packages=(znc)
class=(single-fork setsid-in-main slow-starter)
user=irc
argv=(znc --datadir "$DIR/z")

setup() {
	mkdir -p "$DIR/z/configs"
	cat > "$DIR/z/configs/znc.conf" <<X
Version = 1.8.2
PidFile = $DIR/z/z.pid
<Listener l>
	Host = 127.0.0.1
	Port = $PORT
	IPv4 = true
	IPv6 = false
	SSL = false
</Listener>
<User zoo>
	Admin = true
	<Pass password>
		Method = md5
		Hash = 0cc175b9c0f1b6a831c399e269772661
		Salt = abcdefghijklmnopqrst
	</Pass>
</User>
X
	chown -R irc "$DIR/z"
}

main_pid() { cat "$DIR/z/z.pid"; }
ready() { port_open; }
