# Dies of SIGTERM by default action.

packages=(subversion)
class=(single-fork setsid-in-main odd-exit-on-stop)
argv=(svnserve -d --listen-host 127.0.0.1 --listen-port "$PORT" -r "$DIR" --pid-file "$DIR/s.pid")
ends='signal 15'

setup() { svnadmin create "$DIR/r"; }

main_pid() { cat "$DIR/s.pid"; }
ready() { svn info svn://127.0.0.1:$PORT/r >/dev/null; }
