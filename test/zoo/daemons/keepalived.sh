# Parent + bfd child (vrrp/checker children in real life); child ends with the parent.

packages=(keepalived)
class=(single-fork setsid-in-main has-children)
argv=(keepalived -f "$DIR/k.conf" -p "$DIR/k.pid" -r "$DIR/v.pid" -c "$DIR/ch.pid" -b "$DIR/bfd.pid")

setup() {
	cat > "$DIR/k.conf" <<X
global_defs {
 router_id zoo
}
bfd_instance b {
 source_ip 127.0.0.1
 neighbor_ip 127.0.0.2
 min_rx 1000
 min_tx 1000
 idle_tx 5000
 multiplier 5
}
X
}

main_pid() { cat "$DIR/k.pid"; }
ready() { [ -s "$DIR/bfd.pid" ]; }
