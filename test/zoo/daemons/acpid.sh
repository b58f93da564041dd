packages=(acpid)
class=(single-fork setsid-in-main)
argv=(acpid -c "$DIR/ev" -s "$DIR/a.sock" -p "$DIR/a.pid")

setup() { mkdir "$DIR/ev"; }

main_pid() { cat "$DIR/a.pid"; }
ready() { python3 -c "import socket,os;s=socket.socket(socket.AF_UNIX);s.connect(os.environ['DIR']+'/a.sock')"; }
