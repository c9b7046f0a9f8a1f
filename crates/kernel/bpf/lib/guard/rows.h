/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What user space writes: rows that containers are enforced by, and what leads to them.
 * The same sizes are asserted in src/guard/rows.rs.
 */
#ifndef YAGURA_GUARD_ROWS_H
#define YAGURA_GUARD_ROWS_H

#include "../../kernel_types.h"

/* event::EnforcementRow::SLOTS_MAX */
#define GUARD_SLOTS_MAX 8
/* event::EnforcementRow::ALLOW_MAX */
#define GUARD_ALLOW_MAX 64
/* Bytes of one text of an allow list, event::AllowRow::TEXT_BYTES_MAX rounded up to a mask. */
#define GUARD_TEXT_BYTES 128
/* event::DriftKind and event::OriginClass */
#define GUARD_CLASSES 4
#define GUARD_CELLS (3 * GUARD_CLASSES)

/* event::DriftKind */
enum drift_kind {
	DRIFT_BINARIES = 0,
	DRIFT_LIBRARIES = 1,
	DRIFT_SCRIPTS = 2,
};

/* event::OriginClass */
enum origin_class {
	ORIGIN_LAYER = 0,
	ORIGIN_VOLUME = 1,
	ORIGIN_MEMFD = 2,
	ORIGIN_DELETED = 3,
	/* Only here: the file is the image's, or none that is looked at. */
	ORIGIN_IMAGE = 4,
};

/* event::CellAction */
enum guard_action {
	ACTION_NONE = 0,
	ACTION_WATCH = 1,
	ACTION_DENY = 2,
};

/* The texts of an allow list's entry. */
enum guard_text_place {
	TEXT_PROGRAM = 0,
	TEXT_PARENT = 1,
	TEXT_ANCESTOR = 2,
	TEXT_FILE = 3,
	TEXT_PLACES = 4,
};

struct guard_allow_key {
	u64 list;
	u32 index;
	u32 reserved;
};

struct guard_allow_entry {
	u8 bytes[TEXT_PLACES]; /* zero: anything fits */
	u8 is_path[TEXT_PLACES]; /* compared with the whole path, else with the base name */
	char text[TEXT_PLACES][GUARD_TEXT_BYTES];
};

/* What of an allow list's entries is there at all: bits of 1 << enum guard_text_place. */
struct guard_list {
	u64 id;
	u32 count;
	u32 needs;
};

struct guard_slot {
	u64 deny; /* bits of 1 << enum behaviour */
	u64 watch;
	struct guard_list allow;
	u32 rule;
	u32 reserved;
};

struct guard_cell {
	struct guard_list allow;
	u32 rule;
	u32 action; /* of enum guard_action */
};

enum guard_row_flag {
	/* Nothing is enforced: the container was released by hand. */
	ROW_RELEASED = 1 << 0,
};

struct guard_row {
	u64 key; /* the map gives memory of rows that were replaced to others at once: by this it is noticed */
	u64 any; /* what any slot denies or watches */
	u64 denied; /* what any slot denies */
	u32 slots;
	u32 flags; /* of enum guard_row_flag */
	struct guard_slot slot[GUARD_SLOTS_MAX];
	struct guard_cell cell[GUARD_CELLS]; /* kind * GUARD_CLASSES + class */
};

struct guard_settings {
	u32 enabled;
	u32 generation; /* changes whenever a container becomes known or is forgotten */
	s64 wall_minus_boot_ns;
};

/* Content that may run although it is not the image's own file. */
struct guard_verdict_key {
	u64 container;
	u64 ino;
	u32 dev;
	u32 generation;
	s64 ctime_ns;
	u64 size;
};

_Static_assert(sizeof(struct guard_allow_key) == 16, "guard_allow_key");
_Static_assert(sizeof(struct guard_allow_entry) == 520, "guard_allow_entry");
_Static_assert(sizeof(struct guard_row) == 640, "guard_row");
_Static_assert(sizeof(struct guard_settings) == 16, "guard_settings");
_Static_assert(sizeof(struct guard_verdict_key) == 40, "guard_verdict_key");

/* Where the kernel side loses something; indexes of the guard_losses map. */
enum guard_loss {
	/* A denial was in force and could not be told. */
	GUARD_LOSS_RING = 0,
	/* No memory to remember that a thread belongs to a container: it is not enforced on until its next exec. */
	GUARD_LOSS_MEMBER = 1,
	/* No memory to compare with allow lists: denied as if nothing were allowed. */
	GUARD_LOSS_SCRATCH = 2,
	/* Looking through a mapping took too long: what is in it was not judged. */
	GUARD_LOSS_MAPPING = 3,
	GUARD_LOSS_COUNT = 4,
};

#endif
