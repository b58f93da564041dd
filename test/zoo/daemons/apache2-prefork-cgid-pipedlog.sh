# Children of different kinds: prefork workers, mod_cgid daemon, two rotatelogs piped loggers; all
# of them (loggers too) outlive kill -9. A naive restart after kill -9 fails: starter exit 1; it
# says: AH00015: Unable to open logs.

packages=(apache2 apache2-utils curl)
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
LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
User www-data
Group www-data
StartServers 2
DocumentRoot $DIR/www
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
ScriptSock $DIR/cgisock
CustomLog "|/usr/bin/rotatelogs $DIR/acc.log 86400" "%h %r"
ErrorLog "|/usr/bin/rotatelogs $DIR/err2.log 86400"
X
}

main_pid() { cat "$DIR/a.pid"; }
ready() { page; }
