/*
 * map_library FILE: maps the loadable segments of a 64-bit shared object by hand, as a loader of one's own would, and
 * calls its entry point.
 */
#include "system.h"
#include <linux/elf.h>

/* The largest page of the machine, to which its linkers align segments. */
#if defined(__aarch64__)
#define PAGE 65536UL
#else
#define PAGE 4096UL
#endif
/* Room for the object's addresses: those that a rehearsal maps take a few pages. */
#define SPAN (1UL << 20)

static int map_segment(int file, char *base, const Elf64_Phdr *segment)
{
	unsigned long start = segment->p_vaddr & ~(PAGE - 1);
	unsigned long before = segment->p_vaddr - start;
	int protection = PROT_READ;
	long mapped;

	if (segment->p_vaddr > SPAN / 2 || segment->p_memsz > SPAN / 2)
		return -1;
	if (segment->p_flags & PF_X)
		protection |= PROT_EXEC;
	if (segment->p_flags & PF_W)
		protection |= PROT_WRITE;
	mapped = CALL6(mmap, base + start, before + segment->p_filesz, protection, MAP_PRIVATE | MAP_FIXED, file,
		       segment->p_offset - before);
	return mapped == (long)(base + start) ? 0 : -1;
}

static int run(int count, char **arguments, char **environment)
{
	static Elf64_Ehdr header;
	static Elf64_Phdr segments[16];
	char *base;
	int file, i;

	(void)environment;
	if (count < 2)
		return FAILED_USAGE;
	file = open_file(arguments[1], O_RDONLY);
	if (file < 0)
		return FAILED_OPEN;
	if (CALL3(read, file, &header, sizeof(header)) != sizeof(header) || header.e_phnum > 16 ||
	    header.e_entry == 0 || header.e_entry > SPAN / 2)
		return FAILED_COPY;
	if (CALL4(pread64, file, segments, header.e_phnum * sizeof(segments[0]), header.e_phoff) !=
	    (long)(header.e_phnum * sizeof(segments[0])))
		return FAILED_COPY;
	base = (char *)CALL6(mmap, 0, SPAN, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if ((unsigned long)base > -4096UL)
		return FAILED_MAP;
	for (i = 0; i < header.e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD && segments[i].p_filesz > 0 &&
		    map_segment(file, base, &segments[i]) < 0)
			return FAILED_MAP;
	}
	((void (*)(void))(base + header.e_entry))();
	return 0;
}
