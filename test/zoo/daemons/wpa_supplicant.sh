packages=(wpasupplicant)
class=(single-fork setsid-in-main)
argv=(wpa_supplicant -B -D none -i lo -c "$DIR/w.conf" -P "$DIR/w.pid" -f "$DIR/w.log")

setup() { printf "ctrl_interface=%s\n" "$DIR/ctl" > "$DIR/w.conf"; }

main_pid() { cat "$DIR/w.pid"; }
ready() { [ -S "$DIR/ctl/lo" ]; }
