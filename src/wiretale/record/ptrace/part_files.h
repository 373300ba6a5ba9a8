/* The three growing files, written through shared maps so that what was recorded survives the recorder. */

#define FILE_STEP (16u << 20)	/* blocks are reserved in steps of this size at most */
#define FILE_STEP_FIRST (256u << 10)	/* ... that grow with the file: large ones cost a short recording milliseconds */
#define FILE_STEP_SMALL (64u << 10)	/* ... and of this one when the disk is nearly full */
#define MAP_LARGEST (1ull << 40)
#define MAP_SMALLEST (64ull << 20)

struct file {
	int fd;
	uint8_t *map;
	uint64_t map_bytes;
	uint64_t allocated;	/* bytes of the file that have blocks: a store below it cannot fault */
	uint64_t used;		/* bytes written, without the header page */
	struct wt_header *header;
};

/* Reserve blocks first: a full disk must be an error number here, never a SIGBUS at a later store. */
static int file_reserve(struct file *f, uint64_t bytes)
{
	uint64_t end = WT_HEADER_BYTES + f->used + bytes;
	if (end <= f->allocated)
		return 0;
	if (end > f->map_bytes)
		return EFBIG;
	uint64_t need = end - f->allocated, step_now = FILE_STEP;
	if (f->allocated < FILE_STEP)
		step_now = f->allocated > FILE_STEP_FIRST ? f->allocated : FILE_STEP_FIRST;
	const uint64_t steps[] = { step_now, FILE_STEP_SMALL };
	int error = ENOSPC;
	for (size_t i = 0; i < 2; i++) {
		uint64_t step = (need + steps[i] - 1) / steps[i] * steps[i];
		if (f->allocated + step > f->map_bytes)
			continue;
		do
			error = posix_fallocate(f->fd, (off_t)f->allocated, (off_t)step);
		while (error == EINTR);
		if (!error) {
			f->allocated += step;
			return 0;
		}
	}
	return error;
}

static int file_open(struct file *f, const char *path, const char *magic, uint32_t record_bytes)
{
	f->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return errno;
	/* Address space is cheap; where it is limited (ulimit -v) the map, and with it the recording, is smaller. */
	for (f->map_bytes = MAP_LARGEST; f->map_bytes >= MAP_SMALLEST; f->map_bytes /= 4) {
		f->map = mmap(NULL, f->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, f->fd, 0);
		if (f->map != MAP_FAILED)
			break;
	}
	if (f->map == MAP_FAILED) {
		f->map = NULL;
		return ENOMEM;
	}
	int error = file_reserve(f, 1);
	if (error)
		return error;
	f->header = (struct wt_header *)f->map;
	memcpy(f->header->magic, magic, 8);
	f->header->version = WT_SPOOL_VERSION;
	f->header->record_bytes = record_bytes;
	f->header->pid = (uint32_t)getpid();
	return 0;
}

static void file_close(struct file *f)
{
	if (f->map) {
		if (f->header) {
			f->header->closed = 1;
			if (ftruncate(f->fd, (off_t)(WT_HEADER_BYTES + f->used)) < 0)
				f->header->closed = 0;	/* a longer file is still valid up to `committed` */
		}
		munmap(f->map, f->map_bytes);
	}
	if (f->fd >= 0)
		close(f->fd);
	f->map = NULL;
	f->fd = -1;
}

static void *file_end(struct file *f)
{
	return f->map + WT_HEADER_BYTES + f->used;
}

static void publish(uint64_t *committed, uint64_t value)
{
	__atomic_store_n(committed, value, __ATOMIC_RELEASE);
}
