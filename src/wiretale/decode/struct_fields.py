"""Fields of the structures that system calls take and give, written as in the kernel's headers.

Each row is `type name[count]~how; ...`. Types: s8 u8 s16 u16 s32 u32 s64 u64 char; `long`, `ulong` and `ptr` are a
word of the task; another row's name nests it. A name beginning with `_` is padding. `how` says how a value is
printed: `x` hex, `o` octal, `|T` OR of constants of table T, `=T` one constant of table T, `sig` signal, `set` signal
set, `h` hex where not 0, `p` pointer, `?` before it: not printed if all is 0, `fd` descriptor, `v4`/`v6` address,
`mac` hardware address, `sa` socket address, `if` interface index, `dev` device number, `mode` file mode, `pid`
process, `lim` limit, `s` text up to the NUL. Offsets follow from the natural alignment of the task's ABI
(`structs.py`), except in rows of PACKED. A row `name/arch` holds for that architecture only.
"""

FIELDS: dict[str, str] = {
    # one value
    "char": "char value",
    "int": "s32 value",
    "uint": "u32 value",
    "ulong": "ulong value",
    "off_t": "long value",
    "loff_t": "s64 value",
    "time_t": "long value",
    "uid_t": "u32 value",
    "wait_status": "s32 value",
    "comm": "char value[16]~s",
    "address": "ptr value~x",
    "pointer": "ptr value~p",
    "address64": "u64 value~x",
    "xfeatures": "u64 value~|xfeature_mask",
    "signal_number": "s32 value~sig",
    "prctl_unalign_bits": "u32 value~|prctl_unalign",  # linux/prctl.h
    "prctl_tsc_flag": "u32 value~=prctl_tsc",
    "sigset": "u64 value~set",
    "old_sigset": "ulong value~set",
    # linux/sysctl.h
    "sysctl_args": "ptr name~p; s32 nlen; ptr oldval~p; ptr oldlenp~p; ptr newval~p; ulong newlen; ulong _unused[4]",
    # time: linux/time_types.h, linux/time.h, linux/timex.h
    "timespec": "long tv_sec; long tv_nsec",
    "timespec64": "s64 tv_sec; s64 tv_nsec",
    "timeval": "long tv_sec; long tv_usec",
    "timeval64": "s64 tv_sec; s64 tv_usec",
    "itimerspec": "timespec it_interval; timespec it_value",
    "itimerspec64": "timespec64 it_interval; timespec64 it_value",
    "itimerval": "timeval it_interval; timeval it_value",
    "timezone": "s32 tz_minuteswest; s32 tz_dsttime",
    "utimbuf": "long actime; long modtime",
    "tms": "long tms_utime; long tms_stime; long tms_cutime; long tms_cstime",
    "timex": "u32 modes~|timex_modes; long offset; long freq; long maxerror; long esterror; s32 status~|timex_status;"
    " long constant; long precision; long tolerance; timeval time; long tick; long ppsfreq; long jitter; s32 shift;"
    " long stabil; long jitcnt; long calcnt; long errcnt; long stbcnt; s32 tai; s32 _pad[11]",
    "timex64": "u32 modes~|timex_modes; s32 _pad0; s64 offset; s64 freq; s64 maxerror; s64 esterror;"
    " s32 status~|timex_status; s32 _pad1; s64 constant; s64 precision; s64 tolerance; timeval64 time; s64 tick;"
    " s64 ppsfreq; s64 jitter; s32 shift; s32 _pad2; s64 stabil; s64 jitcnt; s64 calcnt; s64 errcnt; s64 stbcnt;"
    " s32 tai; s32 _pad3[11]",
    # files: asm/stat.h (x86: one per word size; arm64: asm-generic/stat.h), linux/stat.h, asm/statfs.h, linux/openat2.h
    "stat": "ulong st_dev~dev; ulong st_ino; ulong st_nlink; u32 st_mode~mode; u32 st_uid; u32 st_gid; u32 _pad0;"
    " ulong st_rdev~dev; long st_size; long st_blksize; long st_blocks; long st_atime; ulong st_atime_nsec;"
    " long st_mtime; ulong st_mtime_nsec; long st_ctime; ulong st_ctime_nsec; long _unused[3]",
    "stat/aarch64": "ulong st_dev~dev; ulong st_ino; u32 st_mode~mode; u32 st_nlink; u32 st_uid; u32 st_gid;"
    " ulong st_rdev~dev; ulong _pad1; long st_size; s32 st_blksize; s32 _pad2; long st_blocks; long st_atime;"
    " ulong st_atime_nsec; long st_mtime; ulong st_mtime_nsec; long st_ctime; ulong st_ctime_nsec; u32 _unused[2]",
    "stat/i386": "ulong st_dev~dev; ulong st_ino; u16 st_mode~mode; u16 st_nlink; u16 st_uid; u16 st_gid;"
    " ulong st_rdev~dev; ulong st_size; ulong st_blksize; ulong st_blocks; ulong st_atime; ulong st_atime_nsec;"
    " ulong st_mtime; ulong st_mtime_nsec; ulong st_ctime; ulong st_ctime_nsec; ulong _unused[2]",
    "stat64": "u64 st_dev~dev; u8 _pad0[4]; u32 _st_ino; u32 st_mode~mode; u32 st_nlink; u32 st_uid; u32 st_gid;"
    " u64 st_rdev~dev; u8 _pad3[4]; s64 st_size; u32 st_blksize; u64 st_blocks; u32 st_atime; u32 st_atime_nsec;"
    " u32 st_mtime; u32 st_mtime_nsec; u32 st_ctime; u32 st_ctime_nsec; u64 st_ino",
    "statx_timestamp": "s64 tv_sec; u32 tv_nsec; s32 _reserved",
    "statx": "u32 stx_mask~|statx_mask; u32 stx_blksize; u64 stx_attributes~x; u32 stx_nlink; u32 stx_uid; u32 stx_gid;"
    " u16 stx_mode~mode; u16 _spare0; u64 stx_ino; u64 stx_size; u64 stx_blocks; u64 stx_attributes_mask~x;"
    " statx_timestamp stx_atime; statx_timestamp stx_btime; statx_timestamp stx_ctime; statx_timestamp stx_mtime;"
    " u32 stx_rdev_major; u32 stx_rdev_minor; u32 stx_dev_major; u32 stx_dev_minor; u64 stx_mnt_id;"
    " u32 stx_dio_mem_align; u32 stx_dio_offset_align; u64 _spare3[12]",
    "statfs": "long f_type~=fs_type; long f_bsize; ulong f_blocks; ulong f_bfree; ulong f_bavail; ulong f_files;"
    " ulong f_ffree; u32 f_fsid[2]~x; long f_namelen; long f_frsize; long f_flags~|st_flags; long _spare[4]",
    "statfs64": "u32 f_type~=fs_type; u32 f_bsize; u64 f_blocks; u64 f_bfree; u64 f_bavail; u64 f_files; u64 f_ffree;"
    " u32 f_fsid[2]~x; u32 f_namelen; u32 f_frsize; u32 f_flags~|st_flags; u32 _spare[4]",
    "flock": "s16 l_type~=lock_type; s16 l_whence~=whence; long l_start; long l_len; s32 l_pid",
    "flock64": "s16 l_type~=lock_type; s16 l_whence~=whence; s64 l_start; s64 l_len; s32 l_pid",
    "f_owner_ex": "s32 type~=f_owner; s32 pid~pid",
    "file_handle": "u32 handle_bytes; s32 handle_type; u8 _f_handle[128]",  # MAX_HANDLE_SZ of linux/exportfs.h
    "open_how": "u64 flags~|open_flags; u64 mode~o; u64 resolve~|resolve",
    # waiting: linux/eventpoll.h, asm-generic/poll.h
    "pollfd": "s32 fd~fd; s16 events~|poll; s16 revents~|poll",
    "epoll_event": "u32 events~|epoll; u64 data~x",
    "sigset_argpack": "ptr sigmask~x; ulong sigsetsize",
    "mount_attr": "u64 attr_set~|mount_attr; u64 attr_clr~|mount_attr; u64 propagation~=mount_propagation;"
    " u64 userns_fd",
    "futex_waitv": "u64 val~x; u64 uaddr~x; u32 flags~|futex2; u32 _reserved",
    # tasks: linux/sched.h, linux/sched/types.h, linux/resource.h, linux/capability.h, linux/utsname.h, linux/sysinfo.h
    "rlimit": "ulong rlim_cur~lim; ulong rlim_max~lim",
    "rlimit64": "u64 rlim_cur~lim; u64 rlim_max~lim",
    "rusage": "timeval ru_utime; timeval ru_stime; long ru_maxrss; long ru_ixrss; long ru_idrss; long ru_isrss;"
    " long ru_minflt; long ru_majflt; long ru_nswap; long ru_inblock; long ru_oublock; long ru_msgsnd; long ru_msgrcv;"
    " long ru_nsignals; long ru_nvcsw; long ru_nivcsw",
    "clone_args": "u64 flags~|clone; u64 pidfd~x; u64 child_tid~x; u64 parent_tid~x; u64 exit_signal~sig; u64 stack~x;"
    " u64 stack_size~x; u64 tls~x; u64 set_tid~x; u64 set_tid_size; u64 cgroup",
    "sched_param": "s32 sched_priority",
    "sched_attr": "u32 size; u32 sched_policy~=sched_policy; u64 sched_flags~|sched_flags;"
    " s32 sched_nice; u32 sched_priority; u64 sched_runtime; u64 sched_deadline; u64 sched_period;"
    " u32 sched_util_min; u32 sched_util_max",
    "cap_header": "u32 version~=cap_version; s32 pid",
    "cap_data": "u32 effective~x; u32 permitted~x; u32 inheritable~x; u32 effective_hi~x; u32 permitted_hi~x;"
    " u32 inheritable_hi~x",
    "utsname": "char sysname[65]~s; char nodename[65]~s; char release[65]~s; char version[65]~s; char machine[65]~s;"
    " char domainname[65]~s",
    "sysinfo": "long uptime; ulong loads[3]; ulong totalram; ulong freeram; ulong sharedram; ulong bufferram;"
    " ulong totalswap; ulong freeswap; u16 procs; u16 _pad; ulong totalhigh; ulong freehigh; u32 mem_unit; char _f[0]",
    "sysinfo/i386": "long uptime; ulong loads[3]; ulong totalram; ulong freeram; ulong sharedram; ulong bufferram;"
    " ulong totalswap; ulong freeswap; u16 procs; u16 _pad; ulong totalhigh; ulong freehigh; u32 mem_unit; char _f[8]",
    "user_desc": "u32 entry_number; u32 base_addr~x; u32 limit~x; u32 flags~x",
    # signals: asm-generic/signal.h (x86 and arm64 agree: both have sa_restorer), asm-generic/siginfo.h
    "sigaction": "ptr sa_handler~=sighandler; ulong sa_flags~|sa_flags; ptr sa_restorer~p; u64 sa_mask~set",
    "old_sigaction": "ptr sa_handler~=sighandler; ulong sa_mask~set; ulong sa_flags~|sa_flags; ptr sa_restorer~p",
    "stack_t": "ptr ss_sp~x; s32 ss_flags~|ss_flags; ulong ss_size",
    "siginfo": "char bytes[128]",  # decoded by signals.py
    "sigevent": "ptr sigev_value~x; s32 sigev_signo~sig; s32 sigev_notify~=sigev_notify; char _un[48]",
    "sigevent/i386": "ptr sigev_value~x; s32 sigev_signo~sig; s32 sigev_notify~=sigev_notify; char _un[52]",
    # queues and asynchronous I/O: linux/mqueue.h, linux/sem.h, linux/aio_abi.h, linux/io_uring.h
    "mq_attr": "ulong mq_flags~|open_flags; long mq_maxmsg; long mq_msgsize; long mq_curmsgs; long _reserved[4]",
    "landlock_ruleset_attr": "u64 handled_access_fs~|landlock_access_fs",  # linux/landlock.h
    "landlock_path_beneath_attr": "u64 allowed_access~|landlock_access_fs; s32 parent_fd~fd",
    "kexec_segment": "ptr buf~p; ulong bufsz; ptr mem~p; ulong memsz",  # linux/kexec.h
    "seccomp_ret": "u32 value~=seccomp_action",  # linux/seccomp.h
    "seccomp_notif_sizes": "u16 seccomp_notif; u16 seccomp_notif_resp; u16 seccomp_data",
    "kcmp_epoll_slot": "s32 efd; s32 tfd; u32 toff",  # linux/kcmp.h
    "perf_event_attr": "u32 type~=perf_type; u32 size~x; char _rest[4088]",  # linux/perf_event.h; as long as it says
    # linux/ptrace.h, asm/user_64.h, asm/user_32.h, asm/ptrace.h
    "peeksiginfo_args": "u64 off; u32 flags~|ptrace_peeksiginfo; s32 nr",
    "seccomp_metadata": "u64 filter_off; u64 flags~|seccomp_flags",
    "seccomp_instruction": "u16 code~x; u8 jt; u8 jf; u32 k~x",  # linux/filter.h
    "ptrace_syscall_info": "u8 op; u8 _pad[3]; u32 arch; u64 instruction_pointer; u64 stack_pointer; u64 _rest[8]",
    "rseq_configuration": "u64 rseq_abi_pointer~x; u32 rseq_abi_size; u32 signature~x; u32 flags; u32 _pad",
    "user_registers": "u64 r15~x; u64 r14~x; u64 r13~x; u64 r12~x; u64 rbp~x; u64 rbx~x; u64 r11~x; u64 r10~x;"
    " u64 r9~x; u64 r8~x; u64 rax~x; u64 rcx~x; u64 rdx~x; u64 rsi~x; u64 rdi~x; u64 orig_rax~x; u64 rip~x; u64 cs~x;"
    " u64 eflags~x; u64 rsp~x; u64 ss~x; u64 fs_base~x; u64 gs_base~x; u64 ds~x; u64 es~x; u64 fs~x; u64 gs~x",
    "user_registers/i386": "u32 ebx~x; u32 ecx~x; u32 edx~x; u32 esi~x; u32 edi~x; u32 ebp~x; u32 eax~x; u32 xds~x;"
    " u32 xes~x; u32 xfs~x; u32 xgs~x; u32 orig_eax~x; u32 eip~x; u32 xcs~x; u32 eflags~x; u32 esp~x; u32 xss~x",
    "user_registers/aarch64": "u64 regs[31]~h; u64 sp~x; u64 pc~x; u64 pstate~x",
    "user_fp_registers": "u16 cwd~x; u16 swd~x; u16 ftw~x; u16 fop~x; u64 rip~x; u64 rdp~x; u32 mxcsr~x;"
    " u32 mxcr_mask~x; u32 st_space[32]~h; u32 xmm_space[64]~h; u32 padding[24]~h",
    "user_fp_registers/i386": "u32 cwd~x; u32 swd~x; u32 twd~x; u32 fip~x; u32 fcs~x; u32 foo~x; u32 fos~x;"
    " u32 st_space[20]~h",
    # linux/keyctl.h
    "keyctl_dh_params": "s32 private~=key_serial; s32 prime~=key_serial; s32 base~=key_serial",
    "keyctl_kdf_params": "ptr hashname; ptr otherinfo; u32 otherinfolen; u32 spare[8]~?h",
    "keyctl_pkey_params": "s32 key_id~=key_serial; u32 in_len; u32 out_len; u32 spare[7]~?h",
    "keyctl_pkey_query": "u32 supported_ops~|keyctl_supports; u32 key_size; u16 max_data_size; u16 max_sig_size;"
    " u16 max_enc_size; u16 max_dec_size; u32 spare[10]~?h",
    # linux/quota.h, linux/dqblk_xfs.h; which of them a command takes: decode/strace/quotas.py
    "quota_argument": "u64 words[20]~h",
    "if_dqblk": "u64 dqb_bhardlimit; u64 dqb_bsoftlimit; u64 dqb_curspace; u64 dqb_ihardlimit; u64 dqb_isoftlimit;"
    " u64 dqb_curinodes; u64 dqb_btime; u64 dqb_itime; u32 dqb_valid~|quota_valid",
    "if_nextdqblk": "u64 dqb_bhardlimit; u64 dqb_bsoftlimit; u64 dqb_curspace; u64 dqb_ihardlimit;"
    " u64 dqb_isoftlimit; u64 dqb_curinodes; u64 dqb_btime; u64 dqb_itime; u32 dqb_valid~|quota_valid; u32 dqb_id",
    "if_dqinfo": "u64 dqi_bgrace; u64 dqi_igrace; u32 dqi_flags~|quota_info_flags; u32 dqi_valid~|quota_info_valid",
    "fs_disk_quota": "s8 d_version; u8 d_flags~|xfs_dqblk_flags; u16 d_fieldmask~x; u32 d_id; u64 d_blk_hardlimit;"
    " u64 d_blk_softlimit; u64 d_ino_hardlimit; u64 d_ino_softlimit; u64 d_bcount; u64 d_icount; s32 d_itimer;"
    " s32 d_btimer; u16 d_iwarns; u16 d_bwarns; s32 _padding2; u64 d_rtb_hardlimit; u64 d_rtb_softlimit;"
    " u64 d_rtbcount; s32 d_rtbtimer; u16 d_rtbwarns; s16 _padding3; char _padding4[8]",
    "fs_qfilestat": "u64 qfs_ino; u64 qfs_nblks; u32 qfs_nextents",
    "fs_quota_stat": "s8 qs_version; u16 qs_flags~|xfs_quota_flags; s8 _pad; fs_qfilestat qs_uquota;"
    " fs_qfilestat qs_gquota; u32 qs_incoredqs; s32 qs_btimelimit; s32 qs_itimelimit; s32 qs_rtbtimelimit;"
    " u16 qs_bwarnlimit; u16 qs_iwarnlimit",
    "fs_qfilestatv": "u64 qfs_ino; u64 qfs_nblks; u32 qfs_nextents; u32 _pad",
    "fs_quota_statv": "s8 qs_version; u8 _pad1; u16 qs_flags~|xfs_quota_flags; u32 qs_incoredqs;"
    " fs_qfilestatv qs_uquota; fs_qfilestatv qs_gquota; fs_qfilestatv qs_pquota; s32 qs_btimelimit;"
    " s32 qs_itimelimit; s32 qs_rtbtimelimit; u16 qs_bwarnlimit; u16 qs_iwarnlimit; u64 _pad2[8]",
    "quota_format": "u32 value~=quota_format",
    "xfs_quota_flags": "u32 value~|xfs_quota_flags",
    "xfs_dqblk_flags": "u32 value~|xfs_dqblk_flags",
    "memory_policy": "s32 value~=mempolicy",
    # asm-generic/ipcbuf.h, msgbuf.h, shmbuf.h; asm/sembuf.h; linux/msg.h, sem.h, shm.h
    "ipc_perm": "s32 key~x; u32 uid; u32 gid; u32 cuid; u32 cgid; u32 mode~o; u16 _seq; u16 _pad; ulong _unused[2]",
    "ipc_perm/i386": "s32 key~x; u32 uid; u32 gid; u32 cuid; u32 cgid; u16 mode~o; u16 _pad1; u16 _seq; u16 _pad2;"
    " ulong _unused[2]",
    "msqid_ds": "ipc_perm msg_perm; long msg_stime; long msg_rtime; long msg_ctime; ulong _cbytes; ulong msg_qnum;"
    " ulong msg_qbytes; s32 msg_lspid; s32 msg_lrpid; ulong _unused[2]",
    "msqid_ds/i386": "ipc_perm msg_perm; long msg_stime; long _high1; long msg_rtime; long _high2; long msg_ctime;"
    " long _high3; ulong _cbytes; ulong msg_qnum; ulong msg_qbytes; s32 msg_lspid; s32 msg_lrpid; ulong _unused[2]",
    "msginfo": "s32 msgpool; s32 msgmap; s32 msgmax; s32 msgmnb; s32 msgmni; s32 msgssz; s32 msgtql; u16 msgseg",
    "shmid_ds": "ipc_perm shm_perm; ulong shm_segsz; long _atime; long _dtime; long _ctime; s32 shm_cpid;"
    " s32 shm_lpid; ulong shm_nattch; ulong _unused[2]",
    "shminfo": "ulong shmmax; ulong shmmin; ulong shmmni; ulong shmseg; ulong shmall; ulong _unused[4]",
    "shm_info": "s32 used_ids; ulong shm_tot; ulong shm_rss; ulong shm_swp; ulong swap_attempts; ulong swap_successes",
    "semid_ds": "ipc_perm sem_perm; long sem_otime; ulong _unused1; long sem_ctime; ulong _unused2; ulong sem_nsems;"
    " ulong _unused[2]",
    "semid_ds/aarch64": "ipc_perm sem_perm; long sem_otime; long sem_ctime; ulong sem_nsems; ulong _unused[2]",
    "seminfo": "s32 semmap; s32 semmni; s32 semmns; s32 semmnu; s32 semmsl; s32 semopm; s32 semume; s32 semusz;"
    " s32 semvmx; s32 semaem",
    "sembuf": "u16 sem_num; s16 sem_op; s16 sem_flg~|semop",
    "iocb": "u64 aio_data; u32 aio_key; u32 aio_rw_flags; u16 aio_lio_opcode; s16 aio_reqprio; s32 aio_fildes;"
    " u64 aio_buf; u64 aio_nbytes; s64 aio_offset; u64 aio_reserved2; u32 aio_flags; s32 aio_resfd",
    "io_event": "u64 data~x; u64 obj~x; s64 res; s64 res2",
    "io_sqring_offsets": "u32 head; u32 tail; u32 ring_mask; u32 ring_entries; u32 flags; u32 dropped; u32 array;"
    " u32 _resv1; u64 user_addr~x",
    "io_cqring_offsets": "u32 head; u32 tail; u32 ring_mask; u32 ring_entries; u32 overflow; u32 cqes; u32 flags;"
    " u32 _resv1; u64 user_addr~x",
    "io_uring_params": "u32 sq_entries; u32 cq_entries; u32 flags~|io_uring_setup; u32 sq_thread_cpu;"
    " u32 sq_thread_idle; u32 features~|io_uring_features; u32 wq_fd; u32 _resv[3];"
    " io_sqring_offsets sq_off; io_cqring_offsets cq_off",
    # terminals: asm-generic/termbits.h, asm-generic/termios.h
    "termios": "u32 c_iflag~|termios_iflag; u32 c_oflag~|termios_oflag; u32 c_cflag~x; u32 c_lflag~|termios_lflag;"
    " u8 c_line; char c_cc[19]",
    "winsize": "u16 ws_row; u16 ws_col; u16 ws_xpixel; u16 ws_ypixel",
    # sockets: linux/socket.h, linux/in.h, linux/in6.h, linux/ipv6.h, linux/filter.h, linux/if.h, linux/if_packet.h
    "iovec": "ptr iov_base~x; ulong iov_len",
    "msghdr": "ptr msg_name~x; s32 msg_namelen; ptr msg_iov~x; ulong msg_iovlen; ptr msg_control~x;"
    " ulong msg_controllen; u32 msg_flags~|msg",
    "mmsghdr": "msghdr msg_hdr; u32 msg_len",
    "cmsghdr": "ulong cmsg_len; s32 cmsg_level; s32 cmsg_type",
    "sock_fprog": "u16 len; ptr filter~x",
    "linger": "s32 l_onoff; s32 l_linger",
    "ucred": "s32 pid~pid; u32 uid; u32 gid",
    "ip_mreq": "u32 imr_multiaddr~v4; u32 imr_interface~v4",
    "ip_mreqn": "u32 imr_multiaddr~v4; u32 imr_address~v4; s32 imr_ifindex~if",
    "ip_mreq_source": "u32 imr_multiaddr~v4; u32 imr_interface~v4; u32 imr_sourceaddr~v4",
    "in_pktinfo": "s32 ipi_ifindex~if; u32 ipi_spec_dst~v4; u32 ipi_addr~v4",
    "ipv6_mreq": "u8 ipv6mr_multiaddr[16]~v6; u32 ipv6mr_interface~if",
    "in6_pktinfo": "u8 ipi6_addr[16]~v6; u32 ipi6_ifindex~if",
    "packet_mreq": "s32 mr_ifindex~if; u16 mr_type~=packet_mr; u16 mr_alen; u8 mr_address[8]~mac",
    "tpacket_req": "u32 tp_block_size; u32 tp_block_nr; u32 tp_frame_size; u32 tp_frame_nr",
    "tpacket_req3": "u32 tp_block_size; u32 tp_block_nr; u32 tp_frame_size; u32 tp_frame_nr; u32 tp_retire_blk_tov;"
    " u32 tp_sizeof_priv; u32 tp_feature_req_word~x",
    "tpacket_stats": "u32 tp_packets; u32 tp_drops",
    "tpacket_stats_v3": "u32 tp_packets; u32 tp_drops; u32 tp_freeze_q_cnt",
    "tpacket_auxdata": "u32 tp_status~x; u32 tp_len; u32 tp_snaplen; u16 tp_mac; u16 tp_net; u16 tp_vlan_tci;"
    " u16 tp_vlan_tpid~=ethertype",
    "ifreq": "char ifr_name[16]~s; char ifr_union[24]",
    "ifreq/i386": "char ifr_name[16]~s; char ifr_union[16]",
    "ifconf": "s32 ifc_len; ptr ifc_buf~x",
}
FIELDS |= {
    # 16-bit ids of the old i386 calls (linux/posix_types.h: __kernel_old_uid_t)
    "old_uid_t": FIELDS["uid_t"],
    "old_uid_t/i386": "u16 value",
}

# Structures without padding: name -> architecture, "" for all. linux/eventpoll.h: epoll_event is packed on x86-64
# only ("EPOLL_PACKED"); asm/statfs.h: packed, aligned to 4 where 32-bit x86 tasks meet a 64-bit kernel.
PACKED: dict[str, str] = {"epoll_event": "x86_64", "statfs64": "", "landlock_path_beneath_attr": ""}
