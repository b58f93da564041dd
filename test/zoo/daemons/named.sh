# Single fork, parent waits on a pipe for 'running'.

packages=(bind9 bind9-dnsutils)
class=(single-fork setsid-in-main)
argv=(named -4 -n 2 -c "$DIR/n.conf" -u root)

setup() {
	cat > "$DIR/zoo.test.zone" <<X
\$TTL 60
@ IN SOA localhost. root.localhost. 1 60 60 60 60
@ IN NS localhost.
www IN A 127.0.0.7
X
	mkdir "$DIR/w"; chmod 777 "$DIR/w"
	cat > "$DIR/n.conf" <<X
options { directory "$DIR/w"; pid-file "$DIR/w/n.pid"; session-keyfile "$DIR/w/s.key"; lock-file none; listen-on port $PORT { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; dnssec-validation no; empty-zones-enable no; notify no; };
controls { };
zone "zoo.test" { type primary; file "$DIR/zoo.test.zone"; };
X
}

main_pid() { cat "$DIR/w/n.pid"; }
ready() { dig +time=1 +tries=1 +short @127.0.0.1 -p $PORT www.zoo.test A | grep -qx 127.0.0.7; }
