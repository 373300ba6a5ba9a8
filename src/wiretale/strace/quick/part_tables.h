/* What the tables are made of that tables.py makes. */

struct named {
	int64_t value;
	uint32_t text;
};

/* One table: its values in order of their size; as flags in the order in which they are printed. */
struct names {
	uint16_t first_value, values;
	uint16_t first_flag, flags;
	uint32_t unknown;	/* what is said of a value without a name; 0: nothing */
};

/* One call, or one of its variants by the value of an argument. */
struct argument {
	uint8_t as;		/* enum argument_kind */
	int8_t length;		/* the argument that bounds it */
	uint8_t flags;		/* enum argument_flag */
	uint8_t number;		/* depends on the kind */
	uint16_t table;		/* of names, or of a structure */
};
enum argument_flag {
	ARGUMENT_UNSIGNED = 1,	/* an enumeration without negative values */
	ARGUMENT_GIVEN = 2,	/* shown as it was given, whatever became of the call */
};

struct arguments {
	uint16_t first;
	uint8_t count;
	uint8_t at_entry;	/* how many are printed when the call begins */
};
#define NOT_RENDERED 255	/* one of them has no rendering */

struct variant {
	uint32_t value;
	uint16_t arguments;
};

struct call {
	uint32_t name;		/* 0: there is no such call, or no rendering of it */
	uint16_t arguments;
	uint16_t first_variant, variants;
	int8_t variant_arg;
	uint8_t rewrite;	/* enum rewrite */
	uint8_t result;		/* enum result_kind */
	uint8_t extra;		/* enum extra */
	uint8_t flags;		/* enum call_flag */
};
enum call_flag {
	CALL_FILLED_ON_ERROR = 1,
	CALL_SHOWN_AFTER_RESULT = 2,
	CALL_SPEAKS = 4,	/* on a netlink socket it carries messages */
	CALL_RESTARTS = 8,	/* restart_syscall */
};
enum rewrite { REWRITE_NONE, REWRITE_CLONE, REWRITE_CLONE3, REWRITE_SIGRETURN };
enum result_kind {
	RESULT_UNKNOWN, RESULT_PLAIN, RESULT_HEX, RESULT_OCTAL, RESULT_UNSIGNED, RESULT_FCNTL, RESULT_PRCTL,
	RESULT_ARCH_PRCTL,
};
enum extra { EXTRA_NONE, EXTRA_UNKNOWN, EXTRA_POLL, EXTRA_SELECT, EXTRA_IOCTL, EXTRA_SIGNAL };

struct field {
	uint32_t name;
	uint16_t offset;
	uint16_t table;		/* names, or the nested structure */
	uint8_t size;		/* of one element */
	uint8_t count;		/* 0: no array */
	uint8_t as;		/* enum field_kind */
	uint8_t flags;		/* enum field_flag */
};
enum field_flag {
	FIELD_SIGNED = 1,
	FIELD_OPTIONAL = 2,	/* not printed if it is zero */
	FIELD_POINTER = 4,	/* zero is NULL */
	FIELD_WRAPPED = 8,	/* an array in a structure of its own */
};
enum field_kind {
	FIELD_UNKNOWN, FIELD_NUMBER, FIELD_HEX, FIELD_ADDRESS, FIELD_OCTAL, FIELD_SIGNAL, FIELD_SET, FIELD_MODE,
	FIELD_LIMIT, FIELD_INET, FIELD_FLAGS, FIELD_ENUM, FIELD_HANDLER, FIELD_TEXT, FIELD_NESTED,
};

struct structure {
	uint16_t first, fields, size;
	uint16_t as;		/* enum structure_kind */
};
enum structure_kind {
	STRUCTURE_UNKNOWN, STRUCTURE_FIELDS, STRUCTURE_VALUE, STRUCTURE_TIME, STRUCTURE_INTERVAL, STRUCTURE_USAGE, STRUCTURE_STAT,
	STRUCTURE_STATX, STRUCTURE_UTSNAME, STRUCTURE_SIGACTION, STRUCTURE_SIGSET, STRUCTURE_STATUS, STRUCTURE_COMM, STRUCTURE_SIGINFO,
};

/* Values of socket options that need not be looked up in Python, or must be. */
struct option {
	int16_t level, number;
	uint16_t flags;		/* enum option_flag */
};
enum option_flag { OPTION_NUMBER = 1, OPTION_SET_OTHERWISE = 2, OPTION_ASKED_OTHERWISE = 4 };

/* The names of a level's options. */
struct level {
	int32_t level;
	uint16_t table;
};

struct error {
	int32_t number;
	uint32_t name, text;	/* ENOENT; ENOENT (No such file or directory) */
};

/* How an argument is put in words; tables.py names them, part_calls.h has their functions. */
#define ARGUMENT_KINDS(X) \
	X(int) X(uint) X(long) X(ulong) X(hex) X(octal) X(uid) X(signal) X(fd) X(dirfd) X(enum) X(flags) X(wide_enum) X(wide_flags) \
	X(pointer) X(nothing) X(string) X(short_string) X(bounded_string) X(strings) X(environment) X(buffer_in) X(buffer_out) \
	X(sockaddr_in) X(sockaddr_out) X(socklen) X(struct_in) X(struct_out) X(struct_in_cut) X(struct_out_cut) X(struct_inout) \
	X(array_in) X(array_out) X(fdset) X(iovec_in) X(iovec_out) X(message_in) X(message_out) X(messages_in) \
	X(option_in) X(option_out) X(option) X(asked_option) X(protocol) X(socket_type) X(open_flags) X(create_mode) X(map_flags) \
	X(protection) X(ioctl_request) X(futex_op) X(futex_second) X(futex_set) X(signal_set_in) X(signal_set_out) \
	X(statx_flags) X(directory) X(remaining) X(path_result) X(random) X(poll_fds) X(epoll_event) X(epoll_events) X(argpack) \
	X(cpus_in) X(cpus_out) X(arch_address) X(prctl_signal) X(sigevent) X(of_child) X(attribute)

enum argument_kind {
	AS_unknown,
#define X(name) AS_##name,
	ARGUMENT_KINDS(X)
#undef X
};

/* -- netlink ---------------------------------------------------------------------------------------------------------- */

/* How a field or an attribute is printed. */
struct netlink_value {
	uint8_t as;		/* enum netlink_kind */
	uint8_t size;		/* of a number */
	uint8_t with_sign;
	uint8_t count;		/* of the fields of a structure, of nested attributes */
	uint16_t table;		/* names of a number, of attributes */
	uint16_t first;		/* of the fields, of the attributes */
	uint16_t least;		/* bytes of a structure that must be there */
};

#define NETLINK_KINDS(X) \
	X(unknown) X(number) X(hex) X(enum) X(flags) X(network_enum) X(port) X(interface) X(owner) X(ipv4) X(ipv6) X(address) \
	X(text) X(hardware) X(bytes) X(nested) X(structure) X(states) X(cookie) X(end) X(extensions) X(socket_options) \
	X(shutdown) X(if_set)

enum netlink_kind {
#define X(name) NETLINK_AS_##name,
	NETLINK_KINDS(X)
#undef X
};

struct netlink_field {
	uint32_t name;		/* 0: padding */
	uint16_t value, size;
};

struct netlink_attribute {
	uint16_t kind, value;
};

/* What is behind the header of a message: a structure, and attributes. */
struct netlink_body {
	uint16_t kind;		/* of the message, or the family of sockets */
	uint16_t structure, attributes;	/* values; attributes 0: bytes */
};

#ifndef QUICK_TABLES
#define QUICK_TABLES "_tables.h"
#endif
#include QUICK_TABLES
