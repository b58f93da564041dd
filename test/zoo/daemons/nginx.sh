# The first fork happens after bind, so the starter's exit code tells about bind errors; workers
# outlive a SIGKILLed master; USR2+QUIT hands over to a new master (pid changes, pidfile rewritten,
# old one .oldbin); QUIT = graceful stop, TERM = fast. argv[0] must be absolute for USR2. A naive
# restart after kill -9 fails: starter exit 1; it says: nginx: [emerg] still could not bind().

packages=(nginx-light curl)
class=(single-fork setsid-in-main has-children restart-fails-orphans-hold-port orphans-after-kill9
	main-pid-changes-on-reload)
argv=(/usr/sbin/nginx -p "$DIR" -e "$DIR/err.log" -c "$DIR/n.conf")

setup() {
	mkdir -p "$DIR/www"; echo zoo > "$DIR/www/index.html"
	mkdir -p "$DIR/t"; chmod 777 "$DIR/t"
	cat > "$DIR/n.conf" <<X
daemon on; worker_processes 2; pid $DIR/n.pid; error_log $DIR/err.log;
events { worker_connections 64; }
http { access_log off; client_body_temp_path $DIR/t/b; proxy_temp_path $DIR/t/p; fastcgi_temp_path $DIR/t/f; uwsgi_temp_path $DIR/t/u; scgi_temp_path $DIR/t/s;
 server { listen 127.0.0.1:$PORT; root $DIR/www; } }
X
}

main_pid() { cat "$DIR/n.pid"; }
ready() { page; }
handover() {
	old=$(cat "$DIR/n.pid")
	kill -USR2 "$old"
	await test -s "$DIR/n.pid" -a -e "$DIR/n.pid.oldbin"
	sleep 0.3 # or the new one leaves with the old one
	kill -QUIT "$old"
}
