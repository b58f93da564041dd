packages=(at)
class=(single-fork setsid-in-main drops-privileges)
argv=(unshare -m sh -c "mount --bind $DIR/run /run && mount --bind $DIR/spool /var/spool/cron && exec atd")

setup() { mkdir -p "$DIR/run" "$DIR/spool/atjobs" "$DIR/spool/atspool"; chown -R daemon:daemon "$DIR/spool"; }

main_pid() { cat "$DIR/run/atd.pid"; }
ready() { alive "$DIR/run/atd.pid"; }
