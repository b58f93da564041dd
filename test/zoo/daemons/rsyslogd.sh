packages=(rsyslog)
class=(single-fork setsid-in-main)
argv=(rsyslogd -f "$DIR/r.conf" -i "$DIR/r.pid")

setup() {
	cat > "$DIR/r.conf" <<X
global(workDirectory="$DIR")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="$DIR/log.sock")
action(type="omfile" file="$DIR/out.log")
X
}

main_pid() { cat "$DIR/r.pid"; }
ready() {
	word=zoo$RANDOM
	logger -u "$DIR/log.sock" $word
	sleep 0.5
	grep -q $word "$DIR/out.log"
}
