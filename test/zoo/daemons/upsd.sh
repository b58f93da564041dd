packages=(nut-server)
class=(single-fork setsid-in-main)
env=("NUT_CONFPATH=$DIR" "NUT_STATEPATH=$DIR" "NUT_ALTPIDPATH=$DIR" "NUT_PIDPATH=$DIR")
argv=(/lib/nut/upsd -u root)

setup() {
	cat > "$DIR/ups.conf" <<X
[dummy]
 driver = dummy-ups
 port = $DIR/d.dev
X
	touch "$DIR/d.dev"
	echo "LISTEN 127.0.0.1 $PORT" > "$DIR/upsd.conf"; : > "$DIR/upsd.users"
	chmod 640 "$DIR"/upsd.*
}

main_pid() { cat "$DIR/upsd.pid"; }
ready() { answers 'Network UPS' 'VER\n'; }
