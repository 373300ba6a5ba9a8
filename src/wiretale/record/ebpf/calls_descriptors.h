/* What a descriptor is: a socket with its addresses, or what readlink(2) of /proc/PID/fd/N would give. */

#define PATH_LIMIT 64
#define NAME_BYTES 256u
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define PIPEFS_MAGIC 0x50495045
#define ANON_INODE_MAGIC 0x09041934
#define PIDFS_MAGIC 0x50494446
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define TCP_CLOSE 7
#define TCP_SYN_SENT 2
#define TCP_LISTEN 10
#define SCM_RIGHTS 1
#define SOL_SOCKET 1

static __always_inline void put_inet(struct wt_socket *s, const struct sock *sk)
{
	const struct inet_sock *inet = (const void *)sk;
	__be32 local = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr), peer = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	if (!local)
		local = BPF_CORE_READ(inet, inet_saddr);
	__builtin_memcpy(s->local + 4, &local, 4);
	__builtin_memcpy(s->peer + 4, &peer, 4);
	s->local_bytes = s->peer_bytes = 16;
}

static __always_inline bool is_link_local(const __u8 *address)
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

static __always_inline void put_inet6(struct wt_socket *s, const struct sock *sk)
{
	const struct inet_sock *inet = (const void *)sk;
	__u32 bound = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	__u64 zero[2] = {};
	bpf_core_read(s->local + 8, 16, &sk->__sk_common.skc_v6_rcv_saddr);
	__builtin_memcpy(zero, s->local + 8, 16);
	if (!zero[0] && !zero[1]) {
		struct ipv6_pinfo *info = BPF_CORE_READ(inet, pinet6);
		bpf_core_read(s->local + 8, 16, &info->saddr);
	}
	bpf_core_read(s->peer + 8, 16, &sk->__sk_common.skc_v6_daddr);
	if (is_link_local(s->local + 8))
		__builtin_memcpy(s->local + 24, &bound, 4);
	if (is_link_local(s->peer + 8))
		__builtin_memcpy(s->peer + 24, &bound, 4);
	s->local_bytes = s->peer_bytes = 28;
}

static __always_inline __u32 put_unix_name(__u8 *into, struct unix_address *name)
{
	__u64 bytes = name ? BPF_CORE_READ(name, len) : 0;
	__u16 family = AF_UNIX;
	if (bytes > 2 && bytes <= 110) {
		barrier_var(bytes);
		bytes &= 127;
		bpf_probe_read_kernel(into, bytes, (void *)name + bpf_core_field_offset(struct unix_address, name));
		return bytes;
	}
	__builtin_memcpy(into, &family, 2);
	return 2;
}

static __always_inline void put_socket(struct work *w, int fd, struct file *file, __u64 inode)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);
	struct sock *sk = socket ? BPF_CORE_READ(socket, sk) : NULL;
	__u16 family, state, port;
	struct wt_socket *s;
	if (!sk)
		return;
	make_room(w, sizeof(*s));
	begin_chunk(w, piece(WT_SOCKET, 0, 0), 0, sizeof(*s), (__u32)fd);
	s = (void *)&w->body[w->used & BODY_MASK];
	__builtin_memset(s, 0, sizeof(*s));
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	s->inode = inode;
	s->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
	s->netns_cookie = BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie);
	s->family = family;
	s->type = BPF_CORE_READ(sk, sk_type);
	s->protocol = BPF_CORE_READ(sk, sk_protocol);
	s->listening = state == TCP_LISTEN;
	__builtin_memcpy(s->local, &family, 2);
	__builtin_memcpy(s->peer, &family, 2);
	if (family == AF_INET || family == AF_INET6) {
		const struct inet_sock *inet = (const void *)sk;
		port = BPF_CORE_READ(inet, inet_sport);
		__builtin_memcpy(s->local + 2, &port, 2);
		port = BPF_CORE_READ(sk, __sk_common.skc_dport);
		__builtin_memcpy(s->peer + 2, &port, 2);
		if (family == AF_INET)
			put_inet(s, sk);
		else
			put_inet6(s, sk);
		if (!port || state == TCP_CLOSE || state == TCP_SYN_SENT) {	/* as getpeername(2) sees it */
			__builtin_memset(s->peer, 0, 32);
			s->peer_bytes = 0;
		}
	} else if (family == AF_UNIX) {
		const struct unix_sock *own = (const void *)sk, *peer = (const void *)BPF_CORE_READ(own, peer);
		s->local_bytes = put_unix_name(s->local, BPF_CORE_READ(own, addr));
		if (peer)
			s->peer_bytes = put_unix_name(s->peer, BPF_CORE_READ(peer, addr));
	} else if (family == AF_NETLINK) {
		const struct netlink_sock *netlink = (const void *)sk;
		__u32 port_id = BPF_CORE_READ(netlink, portid), peer_id = BPF_CORE_READ(netlink, dst_portid);
		__builtin_memcpy(s->local + 4, &port_id, 4);
		__builtin_memcpy(s->peer + 4, &peer_id, 4);
		s->local_bytes = s->peer_bytes = 12;
	}
	w->used += sizeof(*s);
	w->run = sizeof(*s);
	end_chunk(w);
}

static long path_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	struct dentry *dentry, *parent;
	struct vfsmount *mount;
	long n;
	if (!w)
		return 1;
	dentry = w->dentry;
	mount = w->mount;
	if (!dentry || (dentry == w->root_dentry && mount == w->root_mount))
		return 1;
	parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == parent || dentry == BPF_CORE_READ(mount, mnt_root)) {
		struct mount *here = (void *)mount - bpf_core_field_offset(struct mount, mnt);
		struct mount *above = BPF_CORE_READ(here, mnt_parent);
		if (above == here || !above)
			return 1;
		w->dentry = BPF_CORE_READ(here, mnt_mountpoint);
		w->mount = (void *)above + bpf_core_field_offset(struct mount, mnt);
		return 0;
	}
	n = bpf_probe_read_kernel_str(&w->body[w->used & BODY_MASK], NAME_BYTES, BPF_CORE_READ(dentry, d_name.name));
	if (n <= 0)
		return 1;
	w->used += n;
	w->run += n;
	w->dentry = parent;
	return 0;
}

__noinline int put_path(__u64 piece, __u64 dentry_at, __u64 mount_at, __u64 detail)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct dentry *dentry = (void *)dentry_at;
	struct work *w = my_work();
	__u64 how = WT_LINK_PATH;
	if (!w || !dentry)
		return 0;
	if (!BPF_CORE_READ(dentry, d_hash.pprev) && BPF_CORE_READ(dentry, d_parent) != dentry)
		how = WT_LINK_DELETED;
	make_room(w, PATH_LIMIT * NAME_BYTES);
	begin_chunk(w, piece, how, 0, detail);
	w->dentry = dentry;
	w->mount = (void *)mount_at;
	w->root_dentry = BPF_CORE_READ(task, fs, root.dentry);
	w->root_mount = BPF_CORE_READ(task, fs, root.mnt);
	bpf_loop(PATH_LIMIT, path_step, NULL, 0);
	end_chunk(w);
	return 0;
}

/* A SOCKET, or a LINK as readlink of /proc/PID/fd/N would give it. */
static __always_inline void put_file(struct work *w, int fd, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u64 number = BPF_CORE_READ(inode, i_ino), magic;
	struct dentry *dentry;
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFSOCK && BPF_CORE_READ(file, private_data)) {
		magic = BPF_CORE_READ(inode, i_sb, s_magic);
		if (magic == 0x534f434b) {	/* SOCKFS_MAGIC */
			put_socket(w, fd, file, number);
			return;
		}
	}
	magic = BPF_CORE_READ(inode, i_sb, s_magic);
	dentry = BPF_CORE_READ(file, f_path.dentry);
	if (magic == PIPEFS_MAGIC) {
		PUT_KNOWN(w, piece(WT_LINK, 0, 0), (__u32)fd, WT_LINK_PIPE, &number, 8);
	} else if (magic == PIDFS_MAGIC) {
		PUT_KNOWN(w, piece(WT_LINK, 0, 0), (__u32)fd, WT_LINK_ANONYMOUS, "[pidfd]", 8);
	} else if (magic == ANON_INODE_MAGIC) {
		long n;
		make_room(w, NAME_BYTES);
		begin_chunk(w, piece(WT_LINK, 0, 0), WT_LINK_ANONYMOUS, 0, (__u32)fd);
		n = bpf_probe_read_kernel_str(&w->body[w->used & BODY_MASK], NAME_BYTES, BPF_CORE_READ(dentry, d_name.name));
		if (n > 0) {
			w->used += n;
			w->run = n;
		}
		end_chunk(w);
	} else {
		put_path(piece(WT_LINK, 0, 0), (__u64)dentry, (__u64)BPF_CORE_READ(file, f_path.mnt), (__u32)fd);
	}
}

__noinline int ask_descriptor(int fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct work *w = my_work();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file *file = NULL, **files;
	if (!w || !table || fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return 0;
	files = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), files + fd) || !file)
		return 0;
	file = (void *)((__u64)file & ~7ull);
	w->asked = 1;
	put_file(w, fd, file);
	return 0;
}

static long descriptor_step(__u32 i, void *unused)
{
	ask_descriptor((int)i);
	return 0;
}

static long right_step(__u32 i, void *unused)
{
	struct work *w = my_work();
	int fd = -1;
	if (!w || w->control_at + 4 > w->control_end)
		return 1;
	bpf_probe_read_user(&fd, 4, (void *)w->control_at);
	w->control_at += 4;
	ask_descriptor(fd);
	return 0;
}

/* Descriptors that came in ancillary data; they stand in its first header, where the kernel puts them. */
static __always_inline int ask_received(__u64 control, __u64 bytes)
{
	struct work *w = my_work();
	__u64 length;
	__s32 kind[2] = {};
	if (!w)
		return 0;
	length = read_word(control, w->word);
	bpf_probe_read_user(kind, 8, (void *)(control + w->word));
	if (kind[0] != SOL_SOCKET || kind[1] != SCM_RIGHTS || length > bytes || length < w->word + 8)
		return 0;
	w->control_at = control + w->word + 8;
	w->control_end = control + length;
	bpf_loop(253, right_step, NULL, 0);	/* SCM_MAX_FD */
	return 0;
}
