# Children outlive kill -9 and hold the port; new starter exits 0 and dies: silent failure. A naive
# restart after kill -9 fails silently: starter exits 0, no new main.

packages=(zabbix-agent)
class=(double-fork setsid-in-middle has-children restart-fails-silently orphans-after-kill9)
argv=(zabbix_agentd -c "$DIR/z.conf")

setup() {
	cat > "$DIR/z.conf" <<X
PidFile=$DIR/z.pid
LogFile=$DIR/z.log
Server=127.0.0.1
ListenIP=127.0.0.1
ListenPort=$PORT
StartAgents=2
AllowRoot=1
User=root
Hostname=zoo
X
}

main_pid() { cat "$DIR/z.pid"; }
ready() { port_open; }
