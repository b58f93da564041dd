# Dies of SIGTERM by default action.

packages=(fio)
class=(single-fork setsid-in-main odd-exit-on-stop)
argv=(fio "--server=127.0.0.1,$PORT" "--daemonize=$DIR/f.pid")
ends='signal 15'

main_pid() { cat "$DIR/f.pid"; }
ready() { port_open; }
