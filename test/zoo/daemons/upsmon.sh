# Privsep: the main (pidfile, user nut) is a child of a root helper process that only does the final
# shutdown; SIGSEGV or SIGKILL of main ends both; kill -9 of the root parent leaves main.

packages=(nut-client nut-server)
class=(double-fork setsid-in-middle main-is-child-of-helper drops-privileges)
env=("NUT_CONFPATH=$DIR" "NUT_STATEPATH=$DIR/run/nut")
argv=(unshare -m sh -c "mount --bind $DIR/run /run && exec /lib/nut/upsmon")
mends=nothing

setup() {
	mkdir -p "$DIR/run/nut"; chown nut "$DIR/run/nut"
	cat > "$DIR/upsmon.conf" <<X
MONITOR dummy@127.0.0.1:1 1 u p secondary
MINSUPPLIES 0
SHUTDOWNCMD "/bin/true"
POWERDOWNFLAG $DIR/killpower
RUN_AS_USER nut
X
	chmod 644 "$DIR/upsmon.conf"
}

main_pid() { cat "$DIR/run/nut/upsmon.pid"; }
ready() { alive "$DIR/run/nut/upsmon.pid"; }
