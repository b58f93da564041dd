# 7 processes under different users (anvil, log, config, stats, imap-login...); all end with the
# master.

packages=(dovecot-core dovecot-imapd)
class=(single-fork setsid-in-main has-children)
argv=(dovecot -c "$DIR/d.conf")

setup() {
	mkdir -p "$DIR/run"
	me=root; lu=$me; lg=root; [ $me = root ] && lu=dovenull && iu=dovecot || iu=$me
	cat > "$DIR/d.conf" <<X
protocols = imap
listen = 127.0.0.1
base_dir = $DIR/run
log_path = $DIR/d.log
ssl = no
default_login_user = $lu
default_internal_user = $iu
default_internal_group = $(id -gn $iu)
service imap-login {
  process_min_avail = 1
  chroot =
  inet_listener imap {
    port = $PORT
  }
  inet_listener imaps {
    port = 0
  }
}
service anvil {
  chroot =
}
passdb {
  driver = static
  args = password=zoo
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$DIR
}
X
}

main_pid() { cat "$DIR/run/master.pid"; }
ready() { answers 'OK'; }
