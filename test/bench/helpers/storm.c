/*
 * storm FILE OFFSET [PROGRAM]: vfork, exec of PROGRAM and wait, for ever; without PROGRAM the child only ends.
 * The number of rounds is kept in FILE at OFFSET, for the driver to read while we run.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile unsigned long *map(const char *file, long offset)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	char *at = mmap(NULL, offset + sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || at == MAP_FAILED)
		exit(1);
	return (volatile unsigned long *)(at + offset);
}

int main(int argc, char **argv)
{
	static char *none[] = { NULL };
	if (argc < 3)
		return 2;
	volatile unsigned long *count = map(argv[1], atol(argv[2]));
	for (;;) {
		int status;
		pid_t pid = vfork();
		if (pid == 0) {
			if (argc > 3)
				execve(argv[3], argv + 3, none);
			_exit(argc > 3);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
			return 1;
		++*count;
	}
}
