"""Requests of ioctl to devices. Made by scripts/make_device_requests.py from linux-libc-dev; do not edit."""

ROWS: dict[int, str] = {
    # linux/gpio.h
    0x8044B401: "out gpio_chip",  # GPIO_GET_CHIPINFO_IOCTL
    0xC048B402: "inout gpio_line",  # GPIO_GET_LINEINFO_IOCTL
    0xC048B40B: "inout gpio_line",  # GPIO_GET_LINEINFO_WATCH_IOCTL
    0xC004B40C: "in gpio_offset",  # GPIO_GET_LINEINFO_UNWATCH_IOCTL
    0xC16CB403: "inout gpio_handle",  # GPIO_GET_LINEHANDLE_IOCTL
    0xC030B404: "inout gpio_event",  # GPIO_GET_LINEEVENT_IOCTL
    0xC040B408: "out gpio_values",  # GPIOHANDLE_GET_LINE_VALUES_IOCTL
    0xC040B409: "in gpio_values",  # GPIOHANDLE_SET_LINE_VALUES_IOCTL
    0xC054B40A: "in gpio_config",  # GPIOHANDLE_SET_CONFIG_IOCTL
    0xC100B405: "inout gpio_v2_line",  # GPIO_V2_GET_LINEINFO_IOCTL
    0xC100B406: "inout gpio_v2_line",  # GPIO_V2_GET_LINEINFO_WATCH_IOCTL
    0xC250B407: "inout gpio_v2_request",  # GPIO_V2_GET_LINE_IOCTL
    0xC010B40E: "inout gpio_v2_asked_values",  # GPIO_V2_LINE_GET_VALUES_IOCTL
    0xC010B40F: "in gpio_v2_values",  # GPIO_V2_LINE_SET_VALUES_IOCTL
    0xC110B40D: "in gpio_v2_config",  # GPIO_V2_LINE_SET_CONFIG_IOCTL
    # linux/hdreg.h
    0x301: "out hd_geometry",  # HDIO_GETGEO
    0x31F: "inout hd_command",  # HDIO_DRIVE_CMD
    0x31C: "in hd_three",  # HDIO_DRIVE_RESET
    0x328: "in hd_three",  # HDIO_SCAN_HWIF
    0x309: "out ulong",  # HDIO_GET_32BIT
    0x30F: "out ulong",  # HDIO_GET_ACOUSTIC
    0x310: "out ulong",  # HDIO_GET_ADDRESS
    0x30B: "out ulong",  # HDIO_GET_DMA
    0x308: "out ulong",  # HDIO_GET_KEEPSETTINGS
    0x304: "out ulong",  # HDIO_GET_MULTCOUNT
    0x30A: "out ulong",  # HDIO_GET_NOWERR
    0x302: "out ulong",  # HDIO_GET_UNMASKINTR
    0x30E: "out ulong",  # HDIO_GET_WCACHE
    0x324: "value ulong",  # HDIO_SET_32BIT
    0x32C: "value ulong",  # HDIO_SET_ACOUSTIC
    0x32F: "value ulong",  # HDIO_SET_ADDRESS
    0x326: "value ulong",  # HDIO_SET_DMA
    0x323: "value ulong",  # HDIO_SET_KEEPSETTINGS
    0x321: "value ulong",  # HDIO_SET_MULTCOUNT
    0x325: "value ulong",  # HDIO_SET_NOWERR
    0x327: "value ulong",  # HDIO_SET_PIO_MODE
    0x322: "value ulong",  # HDIO_SET_UNMASKINTR
    0x32B: "value ulong",  # HDIO_SET_WCACHE
    0x32A: "value ulong",  # HDIO_UNREGISTER_HWIF
    0x307: "out hd_old_identity",  # HDIO_OBSOLETE_IDENTITY
    0x30D: "out hd_identity",  # HDIO_GET_IDENTITY
    0x30C: "out hd_nice",  # HDIO_GET_NICE
    0x329: "special nice",  # HDIO_SET_NICE
    0x31A: "out hd_bus_state",  # HDIO_GET_BUSSTATE
    0x32D: "value wide_enum device_bus_state",  # HDIO_SET_BUSSTATE
    0x305: "value hex",  # HDIO_GET_QDMA
    0x306: "value hex",  # HDIO_SET_XFER
    0x31B: "value hex",  # HDIO_TRISTATE_HWIF
    0x31D: "value hex",  # HDIO_DRIVE_TASKFILE
    0x31E: "value hex",  # HDIO_DRIVE_TASK
    0x32E: "value hex",  # HDIO_SET_QDMA
    # linux/input.h
    0x80044501: "out hex32",  # EVIOCGVERSION
    0x80044584: "out uint",  # EVIOCGEFFECTS
    0x80084502: "out evdev_id",  # EVIOCGID
    0x80084503: "out evdev_pair",  # EVIOCGREP
    0x40084503: "in evdev_pair",  # EVIOCSREP
    0x80084504: "out evdev_key",  # EVIOCGKEYCODE
    0x40084504: "in evdev_key",  # EVIOCSKEYCODE
    0x80284504: "out evdev_keymap",  # EVIOCGKEYCODE_V2
    0x40284504: "in evdev_keymap",  # EVIOCSKEYCODE_V2
    0x40304580: "in evdev_effect",  # EVIOCSFF
    0x40044581: "value int",  # EVIOCRMFF
    0x40044590: "value ulong",  # EVIOCGRAB
    0x40044591: "value ulong",  # EVIOCREVOKE
    0x400445A0: "in uint",  # EVIOCSCLOCKID
    0x80004520: "out evdev_any",  # EVIOCGBIT(0, 0)
    0x80004521: "out evdev_any",  # EVIOCGBIT(1, 0)
    0x80004522: "out evdev_any",  # EVIOCGBIT(2, 0)
    0x80004523: "out evdev_any",  # EVIOCGBIT(3, 0)
    0x80004524: "out evdev_any",  # EVIOCGBIT(4, 0)
    0x80004525: "out evdev_any",  # EVIOCGBIT(5, 0)
    0x80004526: "out evdev_any",  # EVIOCGBIT(6, 0)
    0x80004527: "out evdev_any",  # EVIOCGBIT(7, 0)
    0x80004528: "out evdev_any",  # EVIOCGBIT(8, 0)
    0x80004529: "out evdev_any",  # EVIOCGBIT(9, 0)
    0x8000452A: "out evdev_any",  # EVIOCGBIT(10, 0)
    0x8000452B: "out evdev_any",  # EVIOCGBIT(11, 0)
    0x8000452C: "out evdev_any",  # EVIOCGBIT(12, 0)
    0x8000452D: "out evdev_any",  # EVIOCGBIT(13, 0)
    0x8000452E: "out evdev_any",  # EVIOCGBIT(14, 0)
    0x8000452F: "out evdev_any",  # EVIOCGBIT(15, 0)
    0x80004530: "out evdev_any",  # EVIOCGBIT(16, 0)
    0x80004531: "out evdev_any",  # EVIOCGBIT(17, 0)
    0x80004532: "out evdev_any",  # EVIOCGBIT(18, 0)
    0x80004533: "out evdev_any",  # EVIOCGBIT(19, 0)
    0x80004534: "out evdev_any",  # EVIOCGBIT(20, 0)
    0x80004535: "out evdev_any",  # EVIOCGBIT(21, 0)
    0x80004536: "out evdev_any",  # EVIOCGBIT(22, 0)
    0x80004537: "out evdev_any",  # EVIOCGBIT(23, 0)
    0x80004538: "out evdev_any",  # EVIOCGBIT(24, 0)
    0x80004539: "out evdev_any",  # EVIOCGBIT(25, 0)
    0x8000453A: "out evdev_any",  # EVIOCGBIT(26, 0)
    0x8000453B: "out evdev_any",  # EVIOCGBIT(27, 0)
    0x8000453C: "out evdev_any",  # EVIOCGBIT(28, 0)
    0x8000453D: "out evdev_any",  # EVIOCGBIT(29, 0)
    0x8000453E: "out evdev_any",  # EVIOCGBIT(30, 0)
    0x8000453F: "out evdev_any",  # EVIOCGBIT(31, 0)
    0x80004506: "out evdev_any",  # EVIOCGNAME(0)
    0x80004507: "out evdev_any",  # EVIOCGPHYS(0)
    0x80004508: "out evdev_any",  # EVIOCGUNIQ(0)
    0x80004509: "out evdev_any",  # EVIOCGPROP(0)
    0x80004518: "out evdev_any",  # EVIOCGKEY(0)
    0x80004519: "out evdev_any",  # EVIOCGLED(0)
    0x8000451A: "out evdev_any",  # EVIOCGSND(0)
    0x8000451B: "out evdev_any",  # EVIOCGSW(0)
    # linux/seccomp.h
    0xC0502100: "inout seccomp_notice",  # SECCOMP_IOCTL_NOTIF_RECV
    0xC0182101: "in seccomp_answer",  # SECCOMP_IOCTL_NOTIF_SEND
    0x40082102: "in seccomp_id",  # SECCOMP_IOCTL_NOTIF_ID_VALID
    0x80082102: "in seccomp_id",  # _IOR('!', 2, __u64)
    0x40182103: "in seccomp_descriptor",  # SECCOMP_IOCTL_NOTIF_ADDFD
    # linux/random.h
    0x40085203: "in other_random",  # RNDADDENTROPY
    # scsi/sg.h
    0x2204: "special half",  # SG_SET_TRANSFORM
    0x2285: "inout! sg_io .behind:96?Q cmdp:1*cmd_len~in?S dxferp:1*dxfer_len?S dxferp:vector*iovec_count?S sbp:1*sb_len_wr~out?S +16:1*+12~in?Q +48:1*+132~out?Q +72:1*+60~in?Q +72:vector*+56~in?Q +80:1*+68~out?Q +80:vector*+64~out?Q",  # SG_IO
    0x2276: "out other_scsi_id",  # SG_GET_SCSI_ID
    0x2284: "in other_reset",  # SG_SCSI_RESET
    0x2272: "out int",  # SG_GET_RESERVED_SIZE
    0x2289: "out int",  # 0x2289
    # mtd/ubi-user.h
    0x40986F00: "inout other_new_volume",  # UBI_IOCMKVOL
    0x51106F03: "in other_renamed",  # UBI_IOCRNVOL
    # linux/kd.h
    0x4B36: "-",  # KDENABIO
    0x4B37: "-",  # KDDISABIO
    0x4B3C: "-",  # KDMAPDISP
    0x4B3D: "-",  # KDUNMAPDISP
    0x4B6D: "-",  # PIO_FONTRESET
    0x4B34: "special kd_port",  # KDADDIO
    0x4B35: "special kd_port",  # KDDELIO
    0x4B2F: "special kd_sound",  # KIOCSOUND
    0x4B30: "special kd_tone",  # KDMKTONE
    0x4B4E: "special kd_signal",  # KDSIGACCEPT
    0x4B31: "out kd_leds",  # KDGETLED
    0x4B32: "special kd_lights",  # KDSETLED
    0x4B64: "out kd_lock_leds",  # KDGKBLED
    0x4B65: "special kd_locks",  # KDSKBLED
    0x4B33: "out kd_type",  # KDGKBTYPE
    0x4B3B: "out kd_screen_mode",  # KDGETMODE
    0x4B3A: "value enum ioctl_kd_mode",  # KDSETMODE
    0x4B44: "out kd_keyboard_mode",  # KDGKBMODE
    0x4B45: "special kd_mode",  # KDSKBMODE
    0x4B62: "out kd_meta",  # KDGKBMETA
    0x4B63: "value enum ioctl_kd_meta",  # KDSKBMETA
    0x4B46: "inout kd_entry",  # KDGKBENT
    0x4B47: "in kd_given_entry",  # KDSKBENT
    0x4B48: "inout kd_string",  # KDGKBSENT
    0x4B49: "in kd_given_string",  # KDSKBSENT
    0x4B4A: "out kd_accents",  # KDGKBDIACR
    0x4B4B: "in kd_accents",  # KDSKBDIACR
    0x4BFA: "out kd_wide_accents",  # KDGKBDIACRUC
    0x4BFB: "in kd_wide_accents",  # KDSKBDIACRUC
    0x4B4C: "inout kd_code",  # KDGETKEYCODE
    0x4B4D: "in kd_code",  # KDSETKEYCODE
    0x4B52: "inout kd_repeat",  # KDKBDREP
    0x4B70: "out kd_colours",  # GIO_CMAP
    0x4B71: "in kd_colours",  # PIO_CMAP
    0x4B60: "out kd_font",  # GIO_FONT
    0x4B61: "in kd_font",  # PIO_FONT
    0x4B6B: "inout kd_old_font chardata:4096",  # GIO_FONTX
    0x4B6C: "in kd_old_font chardata:4096",  # PIO_FONTX
    0x4B40: "out kd_map",  # GIO_SCRNMAP
    0x4B41: "in kd_map",  # PIO_SCRNMAP
    0x4B69: "out kd_unicode_map",  # GIO_UNISCRNMAP
    0x4B6A: "in kd_unicode_map",  # PIO_UNISCRNMAP
    0x4B66: "inout! kd_pairs entries:4*entry_ct",  # GIO_UNIMAP
    0x4B67: "in kd_pairs entries:4*entry_ct",  # PIO_UNIMAP
    0x4B68: "in kd_clear",  # PIO_UNIMAPCLR
    0x4B72: "inout kd_font_op data:4096",  # KDFONTOP
    # linux/kvm.h
    0xAE03: "value wide_enum device_kvm_cap",  # KVM_CHECK_EXTENSION
    0xAE41: "value uint",  # KVM_CREATE_VCPU
    0x4020AE46: "in kvm_memory",  # KVM_SET_USER_MEMORY_REGION
    0x8090AE81: "out kvm_regs",  # KVM_GET_REGS
    0x4090AE82: "in kvm_regs",  # KVM_SET_REGS
    0x8138AE83: "out kvm_sregs",  # KVM_GET_SREGS
    0x4138AE84: "in kvm_sregs",  # KVM_SET_SREGS
    0x4008AE90: "in kvm_cpuid .entries:40*nent",  # KVM_SET_CPUID2
    0xC008AE05: "inout kvm_asked_cpuid .entries:40*nent",  # KVM_GET_SUPPORTED_CPUID
    0xC008AE09: "inout kvm_asked_cpuid .entries:40*nent",  # KVM_GET_EMULATED_CPUID
    # linux/tee.h
    0x800CA400: "out tee_version",  # TEE_IOC_VERSION
    0xC010A401: "inout tee_memory",  # TEE_IOC_SHM_ALLOC
    0xC018A409: "inout tee_given_memory",  # TEE_IOC_SHM_REGISTER
    0xC020A408: "inout tee_descriptor",  # _IOWR(0xa4, 8, char[32])
    0x8010A402: "in tee_session buf_ptr:1*buf_len",  # TEE_IOC_OPEN_SESSION
    0x8010A403: "in tee_invocation buf_ptr:1*buf_len",  # TEE_IOC_INVOKE
    0x8010A406: "in tee_received buf_ptr:1*buf_len",  # TEE_IOC_SUPPL_RECV
    0x8010A407: "in tee_sent buf_ptr:1*buf_len",  # TEE_IOC_SUPPL_SEND
    0x8008A404: "in tee_cancel",  # TEE_IOC_CANCEL
    0x8004A405: "in tee_close",  # TEE_IOC_CLOSE_SESSION
    # linux/dm-ioctl.h
    0xC138FD00: "inout dm_request",  # DM_VERSION
    0xC138FD01: "inout dm_request",  # DM_REMOVE_ALL
    0xC138FD02: "inout dm_request",  # DM_LIST_DEVICES
    0xC138FD03: "inout dm_request",  # DM_DEV_CREATE
    0xC138FD04: "inout dm_request",  # DM_DEV_REMOVE
    0xC138FD05: "inout dm_request",  # DM_DEV_RENAME
    0xC138FD06: "inout dm_request",  # DM_DEV_SUSPEND
    0xC138FD07: "inout dm_request",  # DM_DEV_STATUS
    0xC138FD08: "inout dm_request",  # DM_DEV_WAIT
    0xC138FD09: "inout dm_request",  # DM_TABLE_LOAD
    0xC138FD0A: "inout dm_request",  # DM_TABLE_CLEAR
    0xC138FD0B: "inout dm_request",  # DM_TABLE_DEPS
    0xC138FD0C: "inout dm_request",  # DM_TABLE_STATUS
    0xC138FD0D: "inout dm_request",  # DM_LIST_VERSIONS
    0xC138FD0E: "inout dm_request",  # DM_TARGET_MSG
    0xC138FD0F: "inout dm_request",  # DM_DEV_SET_GEOMETRY
    0xC138FD10: "inout dm_request",  # DM_DEV_ARM_POLL
    # linux/fs.h linux/btrfs.h
    0x9406: "-",  # BTRFS_IOC_TRANS_START
    0x9407: "-",  # BTRFS_IOC_TRANS_END
    0x9408: "-",  # BTRFS_IOC_SYNC
    0x941C: "-",  # BTRFS_IOC_SCRUB_CANCEL
    0x942E: "-",  # BTRFS_IOC_QUOTA_RESCAN_WAIT
    0x50009402: "-",  # BTRFS_IOC_DEFRAG
    0x5000940C: "-",  # BTRFS_IOC_BALANCE
    0x40809440: "value hex",  # BTRFS_IOC_ENCODED_WRITE
    0x80809440: "value hex",  # BTRFS_IOC_ENCODED_READ
    0x5000943A: "value hex",  # BTRFS_IOC_RM_DEV_V2
    0x5000943F: "value hex",  # BTRFS_IOC_SNAP_DESTROY_V2
    0x81F8943C: "value hex",  # BTRFS_IOC_GET_SUBVOL_INFO
    0xC038943B: "value hex",  # BTRFS_IOC_LOGICAL_INO_V2
    0xD000943D: "value hex",  # BTRFS_IOC_GET_SUBVOL_ROOTREF
    0xD000943E: "value hex",  # BTRFS_IOC_INO_LOOKUP_USER
    0x50009401: "in btrfs_volume",  # BTRFS_IOC_SNAP_CREATE
    0x5000940E: "in btrfs_volume",  # BTRFS_IOC_SUBVOL_CREATE
    0x5000940F: "in btrfs_volume",  # BTRFS_IOC_SNAP_DESTROY
    0x50009403: "in btrfs_volume",  # BTRFS_IOC_RESIZE
    0x50009404: "in btrfs_volume",  # BTRFS_IOC_SCAN_DEV
    0x50009405: "in btrfs_volume",  # BTRFS_IOC_FORGET_DEV
    0x5000940A: "in btrfs_volume",  # BTRFS_IOC_ADD_DEV
    0x5000940B: "in btrfs_volume",  # BTRFS_IOC_RM_DEV
    0x90009427: "in btrfs_volume",  # BTRFS_IOC_DEVICES_READY
    0xC0109428: "in btrfs_quota_ctl",  # BTRFS_IOC_QUOTA_CTL
    0x40049409: "value fd",  # BTRFS_IOC_CLONE
    0x40049421: "value enum device_btrfs_balance",  # BTRFS_IOC_BALANCE_CTL
    0x40089413: "in u64",  # BTRFS_IOC_DEFAULT_SUBVOL
    0x40089416: "in u64",  # BTRFS_IOC_WAIT_SYNC
    0x80089418: "out u64",  # BTRFS_IOC_START_SYNC
    0x80089419: "out btrfs_flags",  # BTRFS_IOC_SUBVOL_GETFLAGS
    0x4008941A: "in btrfs_flags",  # BTRFS_IOC_SUBVOL_SETFLAGS
    0x4010942A: "in btrfs_qgroup_create",  # BTRFS_IOC_QGROUP_CREATE
    0x40189429: "in btrfs_qgroup_assign",  # BTRFS_IOC_QGROUP_ASSIGN
    0x4020940D: "in btrfs_clone_range",  # BTRFS_IOC_CLONE_RANGE
    0x40309410: "in btrfs_defrag_range",  # BTRFS_IOC_DEFRAG_RANGE
    0x4040942C: "in btrfs_quota_rescan",  # BTRFS_IOC_QUOTA_RESCAN
    0x8040942D: "out btrfs_quota_status",  # BTRFS_IOC_QUOTA_RESCAN_STATUS
    0x80189439: "out btrfs_features",  # BTRFS_IOC_GET_FEATURES
    0x40309439: "in btrfs_features_set",  # BTRFS_IOC_SET_FEATURES
    0x80489439: "out btrfs_supported",  # BTRFS_IOC_GET_SUPPORTED_FEATURES
    0x50009417: "inout btrfs_volume_v2 qgroup_inherit:btrfs_inherit~in qgroup_inherit>.qgroups:8*num_qgroups~in",  # BTRFS_IOC_SNAP_CREATE_V2
    0x50009418: "inout btrfs_volume_v2 qgroup_inherit:btrfs_inherit~in qgroup_inherit>.qgroups:8*num_qgroups~in",  # BTRFS_IOC_SUBVOL_CREATE_V2
    0xC4009420: "inout btrfs_balance",  # BTRFS_IOC_BALANCE_V2
    0x84009422: "out btrfs_balance",  # BTRFS_IOC_BALANCE_PROGRESS
    0xD0009411: "inout btrfs_search",  # BTRFS_IOC_TREE_SEARCH
    0xC0709411: "inout! btrfs_search_v2 .buf:1*buf_size~out",  # BTRFS_IOC_TREE_SEARCH_V2
    0xD0009412: "inout btrfs_ino_lookup",  # BTRFS_IOC_INO_LOOKUP
    0xC0109414: "inout btrfs_spaces .spaces:btrfs_space*total_spaces~out",  # BTRFS_IOC_SPACE_INFO
    0xC400941B: "inout btrfs_scrub",  # BTRFS_IOC_SCRUB
    0xC400941D: "inout btrfs_scrub",  # BTRFS_IOC_SCRUB_PROGRESS
    0xD000941E: "inout btrfs_device",  # BTRFS_IOC_DEV_INFO
    0x8400941F: "out btrfs_file_system",  # BTRFS_IOC_FS_INFO
    0xC0389423: "inout btrfs_ino_paths fspath:1*size~out fspath>+16/0:8*+8~out",  # BTRFS_IOC_INO_PATHS
    0xC0389424: "inout btrfs_logical_ino inodes:btrfs_container~out inodes>.val:8*elem_cnt~out",  # BTRFS_IOC_LOGICAL_INO
    0xC0C89425: "inout btrfs_received",  # BTRFS_IOC_SET_RECEIVED_SUBVOL
    0x40489426: "in btrfs_send clone_sources:8*clone_sources_count",  # BTRFS_IOC_SEND
    0xC4089434: "inout btrfs_device_errors",  # BTRFS_IOC_GET_DEV_STATS
    0xCA289435: "inout btrfs_replaced",  # BTRFS_IOC_DEV_REPLACE
    0x8030942B: "out btrfs_qgroup_limit",  # BTRFS_IOC_QGROUP_LIMIT
    0xC0189436: "inout btrfs_dedupe .info:btrfs_dedupe_info*dest_count",  # FIDEDUPERANGE
    # linux/videodev2.h
    0x80685600: "out video_capability",  # VIDIOC_QUERYCAP
    0xC0405602: "inout video_fmtdesc",  # VIDIOC_ENUM_FMT
    0xC0D05604: "inout video_asked_format +32:24*+40",  # VIDIOC_G_FMT
    0xC0D05605: "inout video_format +32:24*+40",  # VIDIOC_S_FMT
    0xC0D05640: "inout video_format +32:24*+40",  # VIDIOC_TRY_FMT
    0xC0145608: "inout video_requestbuffers",  # VIDIOC_REQBUFS
    0xC0585609: "inout video_buffer",  # VIDIOC_QUERYBUF
    0xC058560F: "inout video_buffer",  # VIDIOC_QBUF
    0xC0585611: "inout video_done_buffer",  # VIDIOC_DQBUF
    0x8030560A: "out video_framebuffer",  # VIDIOC_G_FBUF
    0x4030560B: "in video_framebuffer",  # VIDIOC_S_FBUF
    0x40045612: "in video_type",  # VIDIOC_STREAMON
    0x40045613: "in video_type",  # VIDIOC_STREAMOFF
    0xC0CC5615: "inout video_asked_parm",  # VIDIOC_G_PARM
    0xC0CC5616: "inout video_parm",  # VIDIOC_S_PARM
    0x80085617: "out video_std",  # VIDIOC_G_STD
    0x40085618: "in video_std",  # VIDIOC_S_STD
    0xC0485619: "inout video_standard",  # VIDIOC_ENUMSTD
    0xC050561A: "inout video_input",  # VIDIOC_ENUMINPUT
    0xC008561B: "inout video_asked_control",  # VIDIOC_G_CTRL
    0xC008561C: "inout video_control",  # VIDIOC_S_CTRL
    0xC054561D: "inout video_asked_tuner",  # VIDIOC_G_TUNER
    0x4054561E: "inout video_tuner",  # VIDIOC_S_TUNER
    0xC0445624: "inout video_queryctrl",  # VIDIOC_QUERYCTRL
    0xC0E85667: "inout video_query_ext_ctrl",  # VIDIOC_QUERY_EXT_CTRL
    0x80045626: "out uint",  # VIDIOC_G_INPUT
    0xC0045627: "inout video_index",  # VIDIOC_S_INPUT
    0xC02C563A: "inout video_cropcap",  # VIDIOC_CROPCAP
    0xC014563B: "inout video_asked_crop",  # VIDIOC_G_CROP
    0x4014563C: "in video_crop",  # VIDIOC_S_CROP
    0xC0205647: "inout! video_asked_controls controls:strings20*count",  # VIDIOC_G_EXT_CTRLS
    0xC0205648: "inout! video_controls controls:strings20*count",  # VIDIOC_S_EXT_CTRLS
    0xC0205649: "inout! video_controls controls:strings20*count",  # VIDIOC_TRY_EXT_CTRLS
    0xC02C564A: "inout video_frmsizeenum",  # VIDIOC_ENUM_FRAMESIZES
    0xC034564B: "inout video_frmivalenum",  # VIDIOC_ENUM_FRAMEINTERVALS
    0xC100565C: "inout video_create_buffers +48:24*+56",  # VIDIOC_CREATE_BUFS
    0xC0285628: "value hex",  # VIDIOC_G_EDID
    0xC0285629: "value hex",  # VIDIOC_S_EDID
    0x8008563F: "value hex",  # VIDIOC_QUERYSTD
    0xC0845657: "value hex",  # VIDIOC_S_DV_TIMINGS
    0xC0845658: "value hex",  # VIDIOC_G_DV_TIMINGS
    0xC0945662: "value hex",  # VIDIOC_ENUM_DV_TIMINGS
    0x80845663: "value hex",  # VIDIOC_QUERY_DV_TIMINGS
    0xC0905664: "value hex",  # VIDIOC_DV_TIMINGS_CAP
    # linux/ptp_clock.h
    0x40383D03: "in ptp_periodic",  # PTP_PEROUT_REQUEST
    0x40383D0C: "in ptp_periodic2",  # PTP_PEROUT_REQUEST2
    0x43403D05: "inout ptp_samples",  # PTP_SYS_OFFSET
    0x43403D0E: "inout ptp_samples",  # PTP_SYS_OFFSET2
    0xC4C03D09: "inout ptp_triples",  # PTP_SYS_OFFSET_EXTENDED
    0xC4C03D12: "inout ptp_triples",  # PTP_SYS_OFFSET_EXTENDED2
    0xC0403D08: "out ptp_precise",  # PTP_SYS_OFFSET_PRECISE
    0xC0403D11: "out ptp_precise",  # PTP_SYS_OFFSET_PRECISE2
    0xC0603D06: "inout ptp_named_pin",  # PTP_PIN_GETFUNC
    0xC0603D0F: "inout ptp_named_pin2",  # PTP_PIN_GETFUNC2
}
