# Default safe-background mode: the main is a child of a 'supervising syslog-ng' process; the
# supervisor has no setsid of its own, only the child has; SIGSEGV of main -> respawned with a new
# pid, SIGKILL -> both end; kill -9 of the supervisor leaves main running.

packages=(libivykis0 libnet1)
unpack=(syslog-ng-core)
class=(double-fork setsid-in-main main-is-child-of-helper respawned-by-own-helper)
env=("LD_LIBRARY_PATH=$UNPACKED/syslog-ng-core/usr/lib/syslog-ng")
argv=("$UNPACKED/syslog-ng-core/usr/sbin/syslog-ng" -f "$DIR/s.conf" -p "$DIR/s.pid" -c "$DIR/s.ctl" -R
	"$DIR/s.persist" --no-caps "--module-path=$UNPACKED/syslog-ng-core/usr/lib/syslog-ng/3.38")
mends=SEGV

setup() {
	cat > "$DIR/s.conf" <<X
@version: 3.38
source s { unix-dgram("$DIR/log.sock"); };
destination d { file("$DIR/out.log"); };
log { source(s); destination(d); };
X
}

main_pid() { cat "$DIR/s.pid"; }
ready() {
	word=zoo$RANDOM
	logger -u "$DIR/log.sock" $word
	sleep 0.5
	grep -q $word "$DIR/out.log"
}
