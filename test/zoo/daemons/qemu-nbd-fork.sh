# Starter waits for the child's ready pipe.

packages=(qemu-utils)
class=(double-fork setsid-in-main)
argv=(qemu-nbd --fork --persistent "--pid-file=$DIR/n.pid" -b 127.0.0.1 -p "$PORT" -f raw "$DIR/img")

setup() { truncate -s 1M "$DIR/img"; }

main_pid() { cat "$DIR/n.pid"; }
ready() { exec 3<>/dev/tcp/127.0.0.1/$PORT && timeout 3 head -c 8 <&3 | grep -aq NBDMAGIC; }
