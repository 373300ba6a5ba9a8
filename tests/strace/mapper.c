/* Requests to the device mapper, with what lies behind their head; where it is misplaced, or ends early. */
#include <linux/dm-ioctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define HEAD sizeof(struct dm_ioctl)
#define ALL 2048u

static char *memory;	/* unreadable memory lies behind it */

static char *begin(unsigned minor, unsigned flags, unsigned count)
{
	struct dm_ioctl *head = (struct dm_ioctl *)memory;
	memset(memory, 0, ALL);
	*head = (struct dm_ioctl){ { 4, minor, 0 }, ALL, HEAD, count, .flags = flags, .dev = 0x1234 };
	strcpy(head->name, "name");
	return memory + HEAD;
}

static void names(unsigned minor, unsigned next)
{
	char *data = begin(minor, 0, 0);
	struct dm_name_list *one = (struct dm_name_list *)data;
	one->dev = 0x801;
	one->next = next;
	strcpy(one->name, "first");
	one = (struct dm_name_list *)(data + 40);
	strcpy(one->name, "second");
	ioctl(-1, DM_LIST_DEVICES, memory);
}

static void targets(unsigned long request, unsigned next, unsigned count)
{
	char *data = begin(47, 0, count);
	struct dm_target_spec *one = (struct dm_target_spec *)data;
	*one = (struct dm_target_spec){ 1, 2, -5, next, "linear" };
	strcpy((char *)(one + 1), "a long line of parameters");
	one = (struct dm_target_spec *)(data + 72);
	*one = (struct dm_target_spec){ .length = 3, .next = 144, .target_type = "sixteen letters!" };
	ioctl(-1, request, memory);
}

static void dependencies(unsigned count)
{
	struct dm_target_deps *one = (struct dm_target_deps *)begin(0, 0, 0);
	one->count = count;
	one->dev[0] = 0x801;
	ioctl(-1, DM_TABLE_DEPS, memory);
}

int main(void)
{
	static const unsigned long requests[] = {
		DM_VERSION, DM_REMOVE_ALL, DM_LIST_DEVICES, DM_DEV_CREATE, DM_DEV_REMOVE, DM_DEV_RENAME, DM_DEV_SUSPEND,
		DM_DEV_STATUS, DM_DEV_WAIT, DM_TABLE_LOAD, DM_TABLE_CLEAR, DM_TABLE_DEPS, DM_TABLE_STATUS, DM_LIST_VERSIONS,
		DM_TARGET_MSG, DM_DEV_SET_GEOMETRY, DM_DEV_ARM_POLL,
	};
	static const unsigned starts[] = { HEAD, 40, ALL - 1, ALL - 9, ALL, 4000, 0xfffffff8 };
	memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(memory + 4096, 4096, PROT_NONE);
	memory += 4096 - ALL;
	for (unsigned i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		for (unsigned k = 0; k < sizeof(starts) / sizeof(*starts); k++) {
			begin(47, DM_SUSPEND_FLAG | 0x84, i + k & 1);
			((struct dm_ioctl *)memory)->data_start = starts[k];
			ioctl(-1, requests[i], memory);
			((struct dm_ioctl *)memory)->data_size = 2 * ALL;	/* more than can be read */
			ioctl(-1, requests[i], memory);
		}
	for (unsigned next = 0; next < 64; next += 8)
		names(next < 40 ? 36 : 37, next), names(37, next);
	names(37, 7);
	names(37, 40000);
	for (unsigned next = 0; next < 80; next += 8)
		targets(DM_TABLE_LOAD, next, 2), targets(DM_TABLE_STATUS, next, 3);
	targets(DM_TABLE_LOAD, 72, 100);
	dependencies(0), dependencies(1), dependencies(2), dependencies(1000), dependencies(0xffffffff);
	strcpy(begin(0, DM_DATA_OUT_FLAG, 0), "answers and more");
	ioctl(-1, DM_TARGET_MSG, memory);
	return 0;
}
