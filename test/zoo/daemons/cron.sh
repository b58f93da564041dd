# Run in a private mount namespace so that no system crontab is read; dies of SIGTERM by default
# action.

packages=(cron)
class=(single-fork setsid-in-main odd-exit-on-stop)
argv=(unshare -m sh -c
	"mount --bind $DIR/run /run && mount --bind $DIR/spool /var/spool/cron && mount --bind $DIR/cron.d /etc/cron.d && mount --bind $DIR/crontab /etc/crontab && exec cron")
ends='signal 15'

setup() { mkdir -p "$DIR/run" "$DIR/spool/crontabs" "$DIR/cron.d"; : > "$DIR/crontab"; }

main_pid() { cat "$DIR/run/crond.pid"; }
ready() { alive "$DIR/run/crond.pid"; }
