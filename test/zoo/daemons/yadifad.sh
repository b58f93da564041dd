# A second daemonized process ('ynetsrv', [network]) is a long-lived sibling of main, not its child;
# 170 threads.

packages=(yadifa bind9-dnsutils)
class=(double-fork setsid-in-middle sibling-helper has-children)
argv=(yadifad -d -c "$DIR/y.conf")

setup() {
	cat > "$DIR/zoo.test.zone" <<X
\$TTL 60
@ IN SOA localhost. root.localhost. 1 60 60 60 60
@ IN NS localhost.
www IN A 127.0.0.7
X
	mkdir -p "$DIR/log" "$DIR/keys" "$DIR/xfr" "$DIR/run"
	cat > "$DIR/y.conf" <<X
<main>
 daemon on
 datapath "$DIR"
 keyspath "$DIR/keys"
 logpath "$DIR/log"
 pidfile "$DIR/run/y.pid"
 xfrpath "$DIR/xfr"
 listen 127.0.0.1 port $PORT
 server-port $PORT
 user root
 group root
</main>
<zone>
 domain zoo.test
 type master
 file zoo.test.zone
</zone>
X
}

main_pid() { cat "$DIR/run/y.pid"; }
ready() { dig +time=1 +tries=1 +short @127.0.0.1 -p $PORT www.zoo.test A | grep -qx 127.0.0.7; }
