# Child dies after the starter's exit 0 if its stale socket is in the way: silent failure after kill
# -9. A naive restart after kill -9 fails silently: starter exits 0, no new main (stale file).

packages=(ulogd2)
class=(single-fork setsid-in-main ready-after-starter-exit restart-fails-silently stale-file-blocks-restart)
argv=(ulogd -d -c "$DIR/u.conf" -p "$DIR/u.pid")
clean=("$DIR/u.sock")
mute='ulogd exited, status 1 before it was up'

setup() {
	cat > "$DIR/u.conf" <<X
[global]
logfile="$DIR/u.log"
plugin="/usr/lib/x86_64-linux-gnu/ulogd/ulogd_inppkt_UNIXSOCK.so"
plugin="/usr/lib/x86_64-linux-gnu/ulogd/ulogd_raw2packet_BASE.so"
plugin="/usr/lib/x86_64-linux-gnu/ulogd/ulogd_filter_IP2STR.so"
plugin="/usr/lib/x86_64-linux-gnu/ulogd/ulogd_filter_PRINTPKT.so"
plugin="/usr/lib/x86_64-linux-gnu/ulogd/ulogd_output_LOGEMU.so"
stack=up2:UNIXSOCK,base1:BASE,ip2str1:IP2STR,print1:PRINTPKT,emu1:LOGEMU
[up2]
socket_path="$DIR/u.sock"
[emu1]
file="$DIR/emu.log"
X
}

main_pid() { cat "$DIR/u.pid"; }
ready() { [ -S "$DIR/u.sock" ]; }
