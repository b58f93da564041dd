# No pidfile; stop takes 1 s.

packages=(aria2)
class=(single-fork setsid-in-main no-pidfile)
argv=(aria2c --daemon=true --no-conf --enable-rpc "--rpc-listen-port=$PORT" --enable-dht=false
	--enable-dht6=false --bt-enable-lpd=false "--dir=$DIR" "--log=$DIR/a.log" --log-level=notice)

main_pid() { listener; }
ready() { port_open; }
