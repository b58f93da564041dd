# setsid(1) forks once, then two execs (sh, sleep) in the same pid.

packages=(util-linux)
class=(single-fork setsid-in-main exec-after-fork odd-exit-on-stop)
argv=(setsid -f sh -c "echo \$\$ > $DIR/d.pid; exec sleep 1000")
ends='signal 15'

main_pid() { cat "$DIR/d.pid"; }
ready() { alive "$DIR/d.pid"; }
