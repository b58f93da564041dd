# As daemon-libslack but the monitor respawns the client. A naive restart after kill -9 works, but
# the old orphans run on beside it.

packages=(daemon)
class=(double-fork setsid-in-middle has-children restart-duplicates orphans-after-kill9)
argv=(daemon --name=zoo --respawn "--pidfile=$DIR/d.pid" -- sleep 1000)

main_pid() { cat "$DIR/d.pid"; }
ready() { alive "$DIR/d.pid"; }
