# pidfile = guardian, real DNS server is its child 'pdns_server-instance' and is respawned by it;
# after kill -9 of the guardian the instance keeps serving and a restart succeeds beside it: silent
# duplicate. A naive restart after kill -9 works, but the old orphans run on beside it.

packages=(pdns-server pdns-backend-bind bind9-dnsutils)
class=(single-fork setsid-in-main has-children restart-duplicates orphans-after-kill9)
argv=(pdns_server "--config-dir=$DIR" --daemon=yes --guardian=yes "--socket-dir=$DIR" --launch=bind
	"--bind-config=$DIR/named.conf" --local-address=127.0.0.1 "--local-port=$PORT" --security-poll-suffix=
	--write-pid=yes)

setup() {
	cat > "$DIR/zoo.test.zone" <<X
\$TTL 60
@ IN SOA localhost. root.localhost. 1 60 60 60 60
@ IN NS localhost.
www IN A 127.0.0.7
X
	echo 'zone "zoo.test" { type master; file "'$DIR'/zoo.test.zone"; };' > "$DIR/named.conf"
	: > "$DIR/pdns.conf"
}

main_pid() { cat "$DIR/pdns.pid"; }
ready() { dig +time=1 +tries=1 +short @127.0.0.1 -p $PORT www.zoo.test A | grep -qx 127.0.0.7; }
