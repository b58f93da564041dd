# Double fork.

packages=(swtpm)
class=(double-fork setsid-in-middle)
argv=(swtpm socket --daemon --tpm2 --tpmstate "dir=$DIR/t" --server "type=unixio,path=$DIR/s.sock" --ctrl
	"type=unixio,path=$DIR/t.sock" --pid "file=$DIR/t.pid")

setup() { mkdir "$DIR/t"; }

main_pid() { cat "$DIR/t.pid"; }
ready() { [ -S "$DIR/t.sock" ]; }
