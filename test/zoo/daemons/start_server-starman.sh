# Superdaemon: owns the listening socket and runs the real server (starman master + worker) as a
# child; HUP swaps the child generation in the same main pid; children outlive kill -9 and hold the
# port (restart exits 98). A naive restart after kill -9 fails: starter exit 98; it says: failed to
# bind to 127.0.0.1:24640:Address already in use at /usr/share/perl5/Server/Starter.pm line 142.

packages=(libserver-starter-perl starman curl)
class=(double-fork setsid-in-middle has-children restart-fails-orphans-hold-port orphans-after-kill9)
argv=(start_server --daemonize "--port=127.0.0.1:$PORT" "--pid-file=$DIR/s.pid" "--status-file=$DIR/s.status"
	"--log-file=$DIR/s.log" -- starman --workers 1 "$DIR/app.psgi")

setup() { echo "sub { [200, ['Content-Type','text/plain'], ['zoo']] }" > "$DIR/app.psgi"; }

main_pid() { cat "$DIR/s.pid"; }
ready() { page; }
reload() { with_other_children HUP "$(cat "$DIR/s.pid")"; }
