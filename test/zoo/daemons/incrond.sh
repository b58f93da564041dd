packages=(incron)
class=(single-fork setsid-in-main)
argv=(incrond -f "$DIR/i.conf")

setup() {
	mkdir "$DIR/s" "$DIR/u"; printf 'system_table_dir = %s\nuser_table_dir = %s\nlockfile_dir = %s\nlockfile_name = incrond\n' "$DIR/s" "$DIR/u" "$DIR" > "$DIR/i.conf"
}

main_pid() { cat "$DIR/incrond.pid"; }
ready() { alive "$DIR/incrond.pid"; }
