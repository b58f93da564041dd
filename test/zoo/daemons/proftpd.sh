packages=(libmemcached11 libmemcachedutil2 libpcre2-posix3 libhiredis0.14)
unpack=(proftpd-core)
class=(single-fork setsid-in-main drops-privileges)
argv=("$UNPACKED/proftpd-core/usr/sbin/proftpd" -c "$DIR/p.conf")

setup() {
	cat > "$DIR/p.conf" <<X
ServerName zoo
ServerType standalone
DefaultAddress 127.0.0.1
SocketBindTight on
Port $PORT
PidFile $DIR/p.pid
ScoreboardFile $DIR/p.sb
DelayTable none
SystemLog $DIR/p.log
WtmpLog off
UseReverseDNS off
UseIPv6 off
User nobody
Group nogroup
ModulePath $UNPACKED/proftpd-core/usr/lib/proftpd
X
}

main_pid() { cat "$DIR/p.pid"; }
ready() { answers '^220'; }
