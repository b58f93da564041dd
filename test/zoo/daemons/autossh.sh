# Built-in supervisor: restarts its ssh child; child outlives kill -9, restart makes a duplicate
# child; exit 1 on SIGTERM. A naive restart after kill -9 works, but the old orphans run on beside
# it.

packages=(autossh)
class=(single-fork setsid-in-main has-children odd-exit-on-stop restart-duplicates orphans-after-kill9)
env=("AUTOSSH_PATH=$DIR/fakessh" "AUTOSSH_PIDFILE=$DIR/a.pid" AUTOSSH_GATETIME=0 "AUTOSSH_LOGFILE=$DIR/a.log")
argv=(autossh -f -M 0 -N nowhere)
ends='status 1'

setup() { printf '#!/bin/sh\necho $$ > %s/ssh.pid\nexec sleep 1000\n' "$DIR" > "$DIR/fakessh"; chmod 755 "$DIR/fakessh"; }

main_pid() { cat "$DIR/a.pid"; }
ready() { alive "$DIR/ssh.pid"; }
