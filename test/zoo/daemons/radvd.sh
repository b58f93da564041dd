# Privsep: main runs as nobody, a root helper child stays.

packages=(radvd)
class=(single-fork setsid-in-main has-children drops-privileges)
argv=(radvd -C "$DIR/r.conf" -p "$DIR/r.pid" -l "$DIR/r.log" -m logfile -u nobody)

setup() {
	touch "$DIR/r.log"; chmod 666 "$DIR/r.log"
	cat > "$DIR/r.conf" <<X
interface zoo0
{
 AdvSendAdvert on;
 IgnoreIfMissing on;
};
X
}

main_pid() { cat "$DIR/r.pid"; }
ready() { alive "$DIR/r.pid"; }
