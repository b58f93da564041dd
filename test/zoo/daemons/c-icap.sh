# Children end 1-3 s after the master's kill -9; exit 0 after 1 s on TERM; leaves a /dev/shm queue
# on kill -9.

packages=(c-icap)
class=(single-fork setsid-in-main has-children drops-privileges)
argv=(c-icap -f "$DIR/c.conf")

setup() {
	mkdir -m 777 "$DIR/run"; chmod 777 "$DIR/run"
	cat > "$DIR/c.conf" <<X
PidFile $DIR/run/c.pid
CommandsSocket $DIR/run/c.ctl
Port 127.0.0.1:$PORT
StartServers 2
MaxServers 4
MinSpareThreads 2
MaxSpareThreads 10
ThreadsPerChild 4
User nobody
Group nogroup
TmpDir $DIR/run
ServerLog $DIR/run/s.log
AccessLog $DIR/run/a.log
ModulesDir /usr/lib/x86_64-linux-gnu/c_icap
ServicesDir /usr/lib/x86_64-linux-gnu/c_icap
LoadMagicFile /etc/c-icap/c-icap.magic
Service echo srv_echo.so
X
}

main_pid() { cat "$DIR/run/c.pid"; }
ready() { answers '^ICAP/1.0 200' 'OPTIONS icap://127.0.0.1/echo ICAP/1.0\r\nHost: x\r\n\r\n'; }
