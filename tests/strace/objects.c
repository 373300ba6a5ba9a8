/* Asks what maps, programs and types of BPF are, and what is none of these, with room for all and too little of it. */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>
static int bpf(int command, union bpf_attr *a)
{
	return syscall(SYS_bpf, command, a, sizeof(*a));
}

static void ask_all(struct bpf_prog_info *info, uint64_t page)
{
	info->xlated_prog_len = 64;
	info->xlated_prog_insns = page + 1024;
	info->nr_map_ids = 4;
	info->map_ids = page + 2048;
	info->nr_jited_ksyms = 2;
	info->jited_ksyms = page + 3000;
	info->jited_prog_len = 100;
	info->jited_prog_insns = page + 3100;
	info->nr_jited_func_lens = 1;
	info->jited_func_lens = page + 3200;
	info->nr_prog_tags = 1;
	info->prog_tags = page + 3300;
}

int main(void)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 3 };
	strcpy(a.map_name, "numbers");
	int map = bpf(BPF_MAP_CREATE, &a);
	if (map < 0)
		return 77;
	struct bpf_insn p[] = { { .code = 0x18, .dst_reg = 1, .src_reg = 1, .imm = map }, {0}, { .code = 0xb7, .imm = 0 }, { .code = 0x95 } };
	memset(&a, 0, sizeof a);
	a.prog_type = BPF_PROG_TYPE_SOCKET_FILTER; a.insn_cnt = 4; a.insns = (uint64_t)p; a.license = (uint64_t)"GPL"; strcpy(a.prog_name, "none");
	int prog = bpf(BPF_PROG_LOAD, &a);
	struct { struct btf_header h; struct btf_type t; uint32_t i; char s[8]; } b = { { 0xeb9f, 1, 0, 24, 0, 16, 16, 5 }, { 1, 1 << 24, { 4 } }, 0x1000020, "\0int" };
	b.h.type_len = 16; b.h.str_off = 16; b.h.str_len = 5;
	memset(&a, 0, sizeof a);
	a.btf = (uint64_t)&b; a.btf_size = 24 + 16 + 5;
	int btf = bpf(BPF_BTF_LOAD, &a);
	unsigned char *page = mmap((void *)0x600000000000, 8192, 3, MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0);
	munmap(page + 4096, 4096);
	int fds[] = { map, prog, btf, 0, -1, open("/dev/null", 0) };
	for (int i = 0; i < 6; i++) {
		for (int n = 0; n < 4; n++) {
			static const int ROOM[] = { 256, 80, 24, 0 };
			unsigned char *at = page + 512;
			memset(page, 0, 4096);
			memset(&a, 0, sizeof(a));
			a.info.bpf_fd = fds[i];
			a.info.info = (uint64_t)at;
			a.info.info_len = ROOM[n];
			if (fds[i] == prog && !n)
				ask_all((struct bpf_prog_info *)at, (uint64_t)page);
			if (fds[i] == btf && n < 2) {
				((struct bpf_btf_info *)at)->btf = (uint64_t)page + 1024;
				((struct bpf_btf_info *)at)->btf_size = 45 - n * 5;
			}
			syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &a, n == 1 ? 16 : sizeof(a));
		}
	}
	memset(&a, 0, sizeof(a));
	a.info.bpf_fd = map;
	a.info.info = 0xdeadbeef;
	a.info.info_len = 80;
	syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &a, 16);
	return 0;
}
