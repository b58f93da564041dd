# Fork without setsid.

packages=(pcscd)
class=(single-fork no-setsid)
argv=(unshare -m sh -c "mount --bind $DIR/run /run && exec pcscd")

setup() { mkdir -p "$DIR/run/pcscd"; }

main_pid() { tr -dc 0-9 < "$DIR/run/pcscd/pcscd.pid"; } # it has a NUL in it
ready() {
	python3 -c "import socket,os;s=socket.socket(socket.AF_UNIX);s.connect(os.environ['DIR']+'/run/pcscd/pcscd.comm')"
}
