/* A service in the foreground that does nothing. */
#include <unistd.h>

int main(void)
{
	for (;;)
		pause();
}
