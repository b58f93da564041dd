# Starter waits on a ready pipe (starter exit = ready); workers end with the master; USR2+QUIT hands
# over (pid changes).

packages=(unicorn curl)
class=(double-fork setsid-in-middle has-children main-pid-changes-on-reload)
argv=(unicorn -D -c "$DIR/u.rb" "$DIR/config.ru")

setup() {
	cat > "$DIR/config.ru" <<X
run proc { |e| [200, {'Content-Type' => 'text/plain'}, ['zoo']] }
X
	cat > "$DIR/u.rb" <<X
listen '127.0.0.1:$PORT'
pid '$DIR/u.pid'
worker_processes 2
working_directory '$DIR'
stderr_path '$DIR/u.log'
stdout_path '$DIR/u.log'
X
}

main_pid() { cat "$DIR/u.pid"; }
ready() { page; }
handover() {
	old=$(cat "$DIR/u.pid")
	kill -USR2 "$old"
	await test -s "$DIR/u.pid" -a -s "$DIR/u.pid.oldbin"
	sleep 0.5 # until its workers stand
	kill -QUIT "$old"
}
