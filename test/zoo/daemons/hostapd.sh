packages=(hostapd)
class=(single-fork setsid-in-main)
argv=(hostapd -B -P "$DIR/h.pid" -f "$DIR/h.log" "$DIR/h.conf")

setup() {
	printf '127.0.0.1 x\n' > "$DIR/clients"
	cat > "$DIR/h.conf" <<X
driver=none
interface=zoo0
ctrl_interface=$DIR/ctl
X
	printf '"u" MD5 "p"\n' > "$DIR/eap"
}

main_pid() { cat "$DIR/h.pid"; }
ready() { [ -S "$DIR/ctl/zoo0" ]; }
