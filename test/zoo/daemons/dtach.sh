# The pty child outlives kill -9; stale socket blocks the next start (exit 1); exit status 1 on
# TERM. A naive restart after kill -9 fails: starter exit 1 (stale file); it says: dtach:
# $DIR/d.sock: Address already in use.

packages=(dtach)
class=(single-fork setsid-in-main has-children no-pidfile odd-exit-on-stop stale-file-blocks-restart)
argv=(dtach -n "$DIR/d.sock" sleep 1000)
clean=("$DIR/d.sock")
complains='Address already in use'
ends='status 1'

main_pid() { unix_listener "$DIR/d.sock"; }
ready() { [ -S "$DIR/d.sock" ]; }
