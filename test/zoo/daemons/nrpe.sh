packages=(nagios-nrpe-server)
class=(single-fork setsid-in-main drops-privileges)
argv=(nrpe -n -c "$DIR/n.cfg" -d)

setup() {
	cat > "$DIR/n.cfg" <<X
pid_file=$DIR/n.pid
server_port=$PORT
server_address=127.0.0.1
nrpe_user=nobody
nrpe_group=nogroup
allowed_hosts=127.0.0.1
log_file=$DIR/n.log
X
}

main_pid() { cat "$DIR/n.pid"; }
ready() { port_open; }
