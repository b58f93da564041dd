# -f forks late (after authentication); the ProxyCommand child (sshd -i) was the starter's child, so
# it ends up as a long-lived sibling of main under the reaper; stale control socket after kill -9
# breaks the readiness of the next one. A naive restart after kill -9 fails silently: starter exits
# 0, daemon runs but does not answer (stale file); it says: ControlSocket $DIR/ctl already exists,
# disabling multiplexing.

packages=(openssh-client openssh-server)
class=(single-fork setsid-in-main sibling-helper has-children no-pidfile restart-fails-silently
	stale-file-blocks-restart)
argv=(ssh -F "$DIR/c" -f -N -L "127.0.0.1:$PORT:127.0.0.1:1" -S "$DIR/ctl" -M zoo)
clean=("$DIR/ctl")
complains='already exists, disabling multiplexing'
ends='status (0|255)' # 255: the sibling, which gets TERM as well, was quicker

setup() {
	ssh-keygen -q -t ed25519 -N "" -f "$DIR/hk"; ssh-keygen -q -t ed25519 -N "" -f "$DIR/uk"; cp "$DIR/uk.pub" "$DIR/ak"
	mkdir -p -m 755 /run/sshd
	printf 'HostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPidFile none\n' "$DIR/hk" "$DIR/ak" > "$DIR/s.conf"
	cat > "$DIR/c" <<X
Host zoo
 User root
 IdentityFile $DIR/uk
 IdentitiesOnly yes
 StrictHostKeyChecking no
 UserKnownHostsFile $DIR/kh
 ProxyCommand /usr/sbin/sshd -i -f $DIR/s.conf
 ExitOnForwardFailure yes
X
}

main_pid() { listener; }
ready() { ssh -F "$DIR/c" -S "$DIR/ctl" -O check zoo 2>&1 | grep -q running; }
