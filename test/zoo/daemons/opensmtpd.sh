# 7 privsep processes, every one fork+exec of smtpd itself; children run as two other users;
# main_pid has to be derived (no pidfile).

packages=()
unpack=(opensmtpd)
class=(single-fork setsid-in-main has-children no-pidfile)
argv=(unshare -m sh -c
	"mount --bind $DIR/run /run && mount --bind $DIR/spool /var/spool && mount --bind $UNPACKED/opensmtpd/usr/libexec /usr/libexec && exec $UNPACKED/opensmtpd/usr/sbin/smtpd -f $DIR/s.conf")

prepare() {
	mkdir -p /var/lib/opensmtpd/empty /var/empty
	for u in opensmtpd opensmtpq; do id $u >/dev/null 2>&1 || adduser --quiet --system --group --no-create-home --home /var/lib/opensmtpd/empty $u; done
}

setup() {
	mkdir -p "$DIR/run" "$DIR/spool/smtpd" "$DIR/empty"; chmod 711 "$DIR/spool/smtpd"; chown root:root "$DIR/spool/smtpd"
	cat > "$DIR/s.conf" <<X
listen on 127.0.0.1 port $PORT hostname localhost
action "r" relay
match from local for any reject
X
}

main_pid() { ps -o ppid= -p $(ss -Hlntp "sport = :$PORT" | grep -o "pid=[0-9]*" | tr -dc "0-9\n" | sort -n | tail -1); }
ready() { answers '^220 '; }
