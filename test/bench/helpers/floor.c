/*
 * floor PROGRAM: starts PROGRAM anew whenever it ends, and does nothing else. No supervisor can be quicker.
 */
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	for (;;) {
		pid_t pid = vfork();
		if (pid == 0) {
			execv(argv[1], argv + 1);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			return 1;
	}
}
