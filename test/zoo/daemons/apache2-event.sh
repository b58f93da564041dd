# apache2 -k start; WINCH = graceful stop; children outlive a SIGKILLed parent and keep the port;
# USR1 = graceful restart in the same pid. A naive restart after kill -9 fails: starter exit 1; it
# says: AH00015: Unable to open logs.

packages=(apache2 curl)
class=(single-fork setsid-in-main has-children restart-fails-orphans-hold-port orphans-after-kill9)
argv=(apache2 -k start -d "$DIR" -f "$DIR/a.conf")

setup() {
	mkdir -p "$DIR/www"; echo zoo > "$DIR/www/index.html"
	cat > "$DIR/a.conf" <<X
ServerRoot $DIR
ServerName localhost
Listen 127.0.0.1:$PORT
PidFile $DIR/a.pid
DefaultRuntimeDir $DIR
ErrorLog $DIR/err.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
User www-data
Group www-data
StartServers 2
DocumentRoot $DIR/www

X
}

main_pid() { cat "$DIR/a.pid"; }
ready() { page; }
reload() { with_other_children USR1 "$(cat "$DIR/a.pid")"; }
