# Shell script that puts java in the background: no setsid; CATALINA_PID file right away, port 2 s
# later; exit 143 on SIGTERM (JVM); stale pid file: next startup.sh prints 'Tomcat started', exits
# 0, and no JVM runs: silent failure. A naive restart after kill -9 fails silently: starter exits 0,
# no new main (stale file); it says: Tomcat started.

packages=(tomcat10-user default-jre-headless curl)
class=(double-fork no-setsid exec-after-fork ready-after-starter-exit odd-exit-on-stop restart-fails-silently
	stale-file-blocks-restart)
env=("CATALINA_PID=$DIR/t.pid" JAVA_HOME=/usr/lib/jvm/default-java
	'JAVA_OPTS=-Xmx128m -Djava.net.preferIPv4Stack=true')
argv=("$DIR/t/bin/startup.sh")
clean=("$DIR/t.pid")
complains='Existing PID file found during start'
ends='status 143'

setup() {
	tomcat10-instance-create -p $PORT -c $PORT2 "$DIR/t" >/dev/null
	sed -i 's/<Connector port="/<Connector address="127.0.0.1" port="/' "$DIR/t/conf/server.xml"
	mkdir -p "$DIR/t/webapps/ROOT"; echo zoo > "$DIR/t/webapps/ROOT/index.html"
}

main_pid() { cat "$DIR/t.pid"; }
ready() { page; }
