/* Ends at once. It is linked without the C library's start, which would cost more than the exec. */
#include <unistd.h>

void _start(void) { _exit(0); }
