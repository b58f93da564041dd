# -detached starter exits in 20 ms, service ready 9 s later; no pidfile with -detached; a second
# self-daemonized daemon (epmd) is started on the way, sits beside the main as a sibling and stays
# after every stop; erl_child_setup/inet_gethost/sh port children below the main; main is 3 forks
# deep with exec; still there 4 s after the stop: epmd. A naive restart after kill -9 works, but the
# old orphans run on beside it.

packages=(rabbitmq-server)
class=(triple-fork setsid-in-middle exec-after-fork ready-after-starter-exit sibling-helper has-children
	noisy-start no-pidfile leftovers-after-clean-stop restart-duplicates orphans-after-kill9)
env=("RABBITMQ_NODENAME=zoo$PORT@localhost" "RABBITMQ_CONF_ENV_FILE=$DIR/env" "RABBITMQ_CONFIG_FILE=$DIR/r"
	"RABBITMQ_MNESIA_BASE=$DIR/mnesia" "RABBITMQ_LOG_BASE=$DIR/log" "RABBITMQ_ENABLED_PLUGINS_FILE=$DIR/plugins"
	"RABBITMQ_PID_FILE=$DIR/r.pid" "ERL_EPMD_PORT=$PORT3" ERL_EPMD_ADDRESS=127.0.0.1 "RABBITMQ_DIST_PORT=$PORT4"
	'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}' "HOME=$DIR")
argv=(/usr/lib/rabbitmq/bin/rabbitmq-server -detached)

setup() {
	cat > "$DIR/r.conf" <<X
listeners.tcp.1 = 127.0.0.1:$PORT
X
	: > "$DIR/env"; echo '[].' > "$DIR/plugins"
	echo zoocookiezoocookie > "$DIR/.erlang.cookie"; chmod 400 "$DIR/.erlang.cookie"
}

main_pid() { listener; }
ready() {
	exec 3<>/dev/tcp/127.0.0.1/$PORT && printf 'AMQP\000\000\011\001' >&3 && timeout 3 head -c 100 <&3 | grep -aq capabilities
}
