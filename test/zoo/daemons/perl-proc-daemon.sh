packages=(libproc-daemon-perl)
class=(double-fork setsid-in-middle odd-exit-on-stop)
argv=(perl -MProc::Daemon -e "Proc::Daemon::Init({work_dir => '$DIR', pid_file => '$DIR/d.pid'}); sleep 1000")
ends='signal 15'

main_pid() { cat "$DIR/d.pid"; }
ready() { alive "$DIR/d.pid"; }
