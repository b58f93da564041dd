# The main (firebird) is a child of the guardian and is respawned after SIGSEGV and SIGKILL; no
# setsid, only a new process group; restarting the guardian while the old one lives: starter exit
# 252 and a second server beside the first. A naive restart after kill -9 is pointless: the old main
# has been respawned (starter exit 252); it says: Time out waiting for fbserver process start.

packages=(firebird3.0-server)
class=(double-fork no-setsid exec-after-fork main-is-child-of-helper no-pidfile respawned-by-own-helper
	orphans-after-kill9)
env=("FIREBIRD_LOCK=$DIR/lock")
argv=(unshare -m sh -c
	"mount --bind $DIR/firebird.conf /etc/firebird/3.0/firebird.conf && exec fbguard -pidfile $DIR/f.pid -daemon -forever")
mends=(KILL SEGV)

setup() {
	mkdir "$DIR/lock"
	printf 'RemoteServicePort = %s\nRemoteBindAddress = 127.0.0.1\nRemoteAuxPort = %s\nRemotePipeName = x\n' "$PORT" "$PORT2" > "$DIR/firebird.conf"
}

main_pid() { listener; }
ready() { port_open; }
