# Exit status 2 on SIGTERM; not dumpable (/proc/PID/fd unreadable for others); stale socket after
# kill -9 blocks restart (exit 1). A naive restart after kill -9 fails: starter exit 1 (stale file);
# it says: unix_listener: cannot bind to path $DIR/a.sock: Address already in use.

packages=(openssh-client)
class=(single-fork setsid-in-main no-pidfile odd-exit-on-stop stale-file-blocks-restart)
argv=(ssh-agent -a "$DIR/a.sock")
clean=("$DIR/a.sock")
complains='Address already in use'
ends='status 2'

main_pid() { unix_listener "$DIR/a.sock"; }
ready() { # 1: it has no keys; 2: no agent answers
	code=0
	SSH_AUTH_SOCK=$DIR/a.sock ssh-add -l || code=$?
	[ $code = 1 ]
}
