# HUP re-execs in place and then daemonizes again: the pid changes; needs an absolute argv[0].

packages=(openssh-server)
class=(single-fork setsid-in-main main-pid-changes-on-reload)
argv=(/usr/sbin/sshd -f "$DIR/s.conf" -E "$DIR/s.log")

setup() {
	ssh-keygen -q -t ed25519 -N "" -f "$DIR/hk"
	mkdir -p -m 755 /run/sshd
	cat > "$DIR/s.conf" <<X
Port $PORT
ListenAddress 127.0.0.1
HostKey $DIR/hk
PidFile $DIR/s.pid
UsePAM no
X
}

main_pid() { cat "$DIR/s.pid"; }
ready() { answers '^SSH-2'; }
handover() { kill -HUP "$(cat "$DIR/s.pid")"; }
