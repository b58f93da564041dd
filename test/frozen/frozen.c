/* frozen FILE holds the lock of its own memory, so that nothing that belongs to
 * it can be read (environ, cmdline). One thread waits for a page of FILE; it was
 * told once already to try again, so it keeps the lock, for reading. The other
 * waits for the lock, for writing, and all that comes later waits behind it. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

static void *want_lock(void *unused)
{
	for (;;)
		munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096);
	return unused;
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	pthread_t thread;
	volatile char *page;

	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* it may be in the cache */
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (page == MAP_FAILED || pthread_create(&thread, NULL, want_lock, NULL)) {
		perror("frozen");
		return 1;
	}
	return *page;
}
