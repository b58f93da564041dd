# Manager + cache-main child; compiles VCL with gcc before it daemonizes (15 forks, starter takes
# 0.5 s); child dies when the manager's CLI pipe closes, so no orphans.

packages=(varnish)
class=(single-fork setsid-in-main slow-starter has-children drops-privileges)
argv=(varnishd -a "127.0.0.1:$PORT" -T "127.0.0.1:$PORT2" -n "$DIR/v" -f "$DIR/d.vcl" -P "$DIR/v.pid" -s
	malloc,8m -p thread_pool_min=5 -p thread_pools=1)

setup() {
	mkdir -p "$DIR/v"; chmod 777 "$DIR/v"
	cat > "$DIR/d.vcl" <<X
vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "1"; }
sub vcl_recv { return (synth(200)); }
X
}

main_pid() { cat "$DIR/v.pid"; }
ready() { page; }
