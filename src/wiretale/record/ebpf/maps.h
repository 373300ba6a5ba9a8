/* How maps are declared; what the programs count, in both objects. */

#define MAP(kind, name, entries, key_type, value_type) \
	struct { \
		__uint(type, BPF_MAP_TYPE_##kind); \
		__uint(max_entries, entries); \
		__type(key, key_type); \
		__type(value, value_type); \
	} name SEC(".maps")

/* An array that the recorder reads in its own memory. */
#define SHARED_ARRAY(name, entries, value_type) \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(map_flags, BPF_F_MMAPABLE); \
		__uint(max_entries, entries); \
		__type(key, __u32); \
		__type(value, value_type); \
	} name SEC(".maps")

#define RING(name, bytes) \
	struct { \
		__uint(type, BPF_MAP_TYPE_RINGBUF); \
		__uint(max_entries, bytes); \
	} name SEC(".maps")

/* The map `counters`, and how an element of it grows. */
#define COUNTERS(entries) \
	MAP(PERCPU_ARRAY, counters, entries, __u32, __u64); \
	static __always_inline void count(__u32 index) \
	{ \
		__u64 *counter = bpf_map_lookup_elem(&counters, &index); \
		if (counter) \
			*counter += 1; \
	}
