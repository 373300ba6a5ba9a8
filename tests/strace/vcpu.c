/* A virtual CPU that writes to a port, and one that halts; with an argument, of the second of two machines in this process. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

static const unsigned char CODE[] = { 0xe6, 0x10, 0xf4 };	/* out %al, $0x10; hlt */

static int machine(int kvm)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = { 0, 0, 0x1000, 4096, (unsigned long)memory };
	memcpy(memory, CODE, sizeof(CODE));
	ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
	int cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (cpu < 0 || mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0) == MAP_FAILED)
		return -1;
	struct kvm_sregs segments;
	struct kvm_regs registers = { .rip = 0x1000, .rflags = 2 };
	ioctl(cpu, KVM_GET_SREGS, &segments);
	segments.cs.base = segments.cs.selector = 0;
	ioctl(cpu, KVM_SET_SREGS, &segments);
	ioctl(cpu, KVM_SET_REGS, &registers);
	return cpu;
}

int main(int argc, char **argv)
{
	int kvm = open("/dev/kvm", O_RDWR);
	if (argc > 1)
		machine(kvm);
	int cpu = machine(kvm);
	if (cpu < 0)
		return 77;
	ioctl(cpu, KVM_RUN, 0);
	ioctl(cpu, KVM_RUN, 0);
	ioctl(cpu, KVM_RUN, 1);
	ioctl(-1, KVM_RUN, 0);
	return 0;
}
