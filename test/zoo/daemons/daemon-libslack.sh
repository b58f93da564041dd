# pidfile = the daemon(1) monitor, the client is its child and outlives kill -9 of the monitor. A
# naive restart after kill -9 works, but the old orphans run on beside it.

packages=(daemon)
class=(double-fork setsid-in-middle has-children restart-duplicates orphans-after-kill9)
argv=(daemon --name=zoo "--pidfile=$DIR/d.pid" -- sleep 1000)

main_pid() { cat "$DIR/d.pid"; }
ready() { alive "$DIR/d.pid"; }
