# Dies of SIGTERM by default action.

packages=(pdns-recursor bind9-dnsutils)
class=(single-fork setsid-in-main odd-exit-on-stop)
argv=(pdns_recursor "--config-dir=$DIR" --daemon=yes "--socket-dir=$DIR" --local-address=127.0.0.1
	"--local-port=$PORT" --security-poll-suffix= --forward-zones=.=127.0.0.1:1 --write-pid=yes --threads=1
	--hint-file=no --export-etc-hosts=yes "--etc-hosts-file=$DIR/hosts" --dnssec=off)
ends='signal 15'

setup() { echo "127.0.0.7 www.zoo.test" > "$DIR/hosts"; : > "$DIR/recursor.conf"; }

main_pid() { cat "$DIR/pdns_recursor.pid"; }
ready() { dig +time=1 +tries=1 +short @127.0.0.1 -p $PORT www.zoo.test A | grep -qx 127.0.0.7; }
