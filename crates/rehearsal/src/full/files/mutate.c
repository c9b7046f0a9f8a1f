/*
 * Writes a copy of its own file with a few bytes more, runs that, and so on for the number of generations given.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GENERATIONS_MAX 3

int main(int count, char **arguments)
{
	int left = count > 1 ? atoi(arguments[1]) : 0;
	char path[64], next[16], chunk[4096];
	ssize_t got;

	if (left <= 0 || left > GENERATIONS_MAX)
		return 0;
	snprintf(path, sizeof(path), "/tmp/.cache-%d", left);
	snprintf(next, sizeof(next), "%d", left - 1);
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (from < 0 || to < 0)
		return 1;
	while ((got = read(from, chunk, sizeof(chunk))) > 0)
		if (write(to, chunk, (size_t)got) != got)
			return 1;
	if (write(to, path, sizeof(path)) != (ssize_t)sizeof(path) || close(to) != 0)
		return 1;
	execl(path, path, next, (char *)NULL);
	return 1;
}
