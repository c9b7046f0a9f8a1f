/*
 * A shared object that says that it was loaded: when a loader runs its constructor, and when something that maps it by
 * hand calls its entry point.
 */
#define YAGURA_LIBRARY
#include "system.h"

__attribute__((used)) static const char speaker[] = SPEAKER;

/* The text stands in the instructions' reach, not behind a relocation: whoever maps the file by hand applies none. */
__attribute__((visibility("default"))) void yagura_library_entry(void)
{
	say_marker();
}

__attribute__((constructor)) static void loaded(void)
{
	yagura_library_entry();
}
