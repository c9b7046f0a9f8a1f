/*
 * serve: stands in for a server that an attacker got a command or file into. Reads standard input to its end; then a
 * worker does what stands there, as a child of the server, and the server ends with the worker's result.
 *
 * Input that begins with "write PATH\n": the worker itself writes the rest to PATH. Any other input is a script: the
 * worker runs it with /bin/sh. Arguments are ignored: they are there to be seen.
 */
#include "system.h"

#define O_WRITE_NEW 01101 /* O_WRONLY | O_CREAT | O_TRUNC */
#define INPUT_BYTES_MAX 8192

static char input[INPUT_BYTES_MAX + 1];
static const char write_word[] = "write ";

static int read_input(void)
{
	long length = 0, got;

	do {
		got = CALL3(read, 0, input + length, INPUT_BYTES_MAX - length);
		if (got > 0)
			length += got;
	} while (got > 0 && length < INPUT_BYTES_MAX);
	input[length] = 0;
	return (int)length;
}

/* Where the path of "write PATH\n" begins; 0 if the input is a script. */
static int path_start(void)
{
	int at = 0;

	while (write_word[at] && input[at] == write_word[at])
		at++;
	return write_word[at] ? 0 : at;
}

static int write_file(int path, int length)
{
	int end = path, file;
	long put;

	while (end < length && input[end] != '\n')
		end++;
	if (end == length)
		return FAILED_USAGE;
	input[end] = 0;
	file = (int)CALL4(openat, AT_FDCWD, input + path, O_WRITE_NEW, 0644);
	if (file < 0)
		return FAILED_OPEN;
	put = CALL3(write, file, input + end + 1, length - end - 1);
	CALL1(close, file);
	return put == length - end - 1 ? 0 : FAILED_COPY;
}

/* Runs the script as a child that has no input; the result is its exit code. */
static int run_script(char **environment)
{
	char *shell[] = { "sh", "-c", input, 0 };
	int status = 0;
	long child = fork_process();

	if (child == 0) {
		int nothing = open_file("/dev/null", O_RDONLY);

		CALL3(dup3, nothing, 0, 0);
		CALL3(execve, "/bin/sh", shell, environment);
		return FAILED_EXEC;
	}
	if (child < 0 || CALL4(wait4, child, &status, 0, 0) < 0)
		return FAILED_EXEC;
	return exit_code(status);
}

static int run(int count, char **arguments, char **environment)
{
	int length = read_input(), path = path_start(), status = 0;
	long worker;

	(void)count;
	(void)arguments;
	if (length == 0)
		return 0;
	worker = fork_process();
	if (worker == 0)
		return path ? write_file(path, length) : run_script(environment);
	if (worker < 0 || CALL4(wait4, worker, &status, 0, 0) < 0)
		return FAILED_EXEC;
	return exit_code(status);
}
