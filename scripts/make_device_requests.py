"""Regenerate src/wiretale/decode/syscalls/device_requests.py: what requests of ioctl to devices take, by number.

The C compiler says the numbers, from linux-libc-dev. What a row says is described in decode/syscalls/requests.py.
"""

from kernel_headers import SOURCES, values

TARGET = SOURCES / "decode/syscalls/device_requests.py"
HEADERS = "sys/types.h time.h stdint.h linux/types.h linux/ioctl.h"
GROUPS: dict[str, dict[str, str]] = {
    "linux/gpio.h": {
        "GPIO_GET_CHIPINFO_IOCTL": "out gpio_chip",
        "GPIO_GET_LINEINFO_IOCTL": "inout gpio_line",
        "GPIO_GET_LINEINFO_WATCH_IOCTL": "inout gpio_line",
        "GPIO_GET_LINEINFO_UNWATCH_IOCTL": "in gpio_offset",
        "GPIO_GET_LINEHANDLE_IOCTL": "inout gpio_handle",
        "GPIO_GET_LINEEVENT_IOCTL": "inout gpio_event",
        "GPIOHANDLE_GET_LINE_VALUES_IOCTL": "out gpio_values",
        "GPIOHANDLE_SET_LINE_VALUES_IOCTL": "in gpio_values",
        "GPIOHANDLE_SET_CONFIG_IOCTL": "in gpio_config",
        "GPIO_V2_GET_LINEINFO_IOCTL": "inout gpio_v2_line",
        "GPIO_V2_GET_LINEINFO_WATCH_IOCTL": "inout gpio_v2_line",
        "GPIO_V2_GET_LINE_IOCTL": "inout gpio_v2_request",
        "GPIO_V2_LINE_GET_VALUES_IOCTL": "inout gpio_v2_asked_values",
        "GPIO_V2_LINE_SET_VALUES_IOCTL": "in gpio_v2_values",
        "GPIO_V2_LINE_SET_CONFIG_IOCTL": "in gpio_v2_config",
    },
    "linux/hdreg.h": {
        "HDIO_GETGEO": "out hd_geometry",
        "HDIO_DRIVE_CMD": "inout hd_command",
        "HDIO_DRIVE_RESET": "in hd_three",
        "HDIO_SCAN_HWIF": "in hd_three",
        **dict.fromkeys(
            (
                f"HDIO_GET_{name}"
                for name in ["32BIT", "ACOUSTIC", "ADDRESS", "DMA", "KEEPSETTINGS", "MULTCOUNT", "NOWERR", "UNMASKINTR", "WCACHE"]
            ),
            "out ulong",
        ),
        **dict.fromkeys(
            (
                f"HDIO_SET_{name}"
                for name in ["32BIT", "ACOUSTIC", "ADDRESS", "DMA", "KEEPSETTINGS", "MULTCOUNT", "NOWERR", "PIO_MODE", "UNMASKINTR", "WCACHE"]
            ),
            "value ulong",
        ),
        "HDIO_UNREGISTER_HWIF": "value ulong",
        "HDIO_OBSOLETE_IDENTITY": "out hd_old_identity",
        "HDIO_GET_IDENTITY": "out hd_identity",
        "HDIO_GET_NICE": "out hd_nice",
        "HDIO_SET_NICE": "special nice",
        "HDIO_GET_BUSSTATE": "out hd_bus_state",
        "HDIO_SET_BUSSTATE": "value wide_enum device_bus_state",
        **dict.fromkeys(
            (
                "HDIO_GET_QDMA", "HDIO_SET_XFER", "HDIO_TRISTATE_HWIF", "HDIO_DRIVE_TASKFILE", "HDIO_DRIVE_TASK",
                "HDIO_SET_QDMA",
            ),
            "value hex",
        ),
    },
    "linux/input.h": {
        "EVIOCGVERSION": "out hex32",
        "EVIOCGEFFECTS": "out uint",
        "EVIOCGID": "out evdev_id",
        "EVIOCGREP": "out evdev_pair",
        "EVIOCSREP": "in evdev_pair",
        "EVIOCGKEYCODE": "out evdev_key",
        "EVIOCSKEYCODE": "in evdev_key",
        "EVIOCGKEYCODE_V2": "out evdev_keymap",
        "EVIOCSKEYCODE_V2": "in evdev_keymap",
        "EVIOCSFF": "in evdev_effect",
        "EVIOCRMFF": "value int",
        "EVIOCGRAB": "value ulong",
        "EVIOCREVOKE": "value ulong",
        "EVIOCSCLOCKID": "in uint",
        # Any size may be asked for. 0 asks for nothing, but what is said to be returned is shown.
        **{f"EVIOCGBIT({kind}, 0)": "out evdev_any" for kind in range(32)},
        **{f"EVIOCG{what}(0)": "out evdev_any" for what in ["NAME", "PHYS", "UNIQ", "PROP", "KEY", "LED", "SND", "SW"]},
    },
    "linux/seccomp.h": {
        "SECCOMP_IOCTL_NOTIF_RECV": "inout seccomp_notice",
        "SECCOMP_IOCTL_NOTIF_SEND": "in seccomp_answer",
        "SECCOMP_IOCTL_NOTIF_ID_VALID": "in seccomp_id",
        "_IOR('!', 2, __u64)": "in seccomp_id",
        "SECCOMP_IOCTL_NOTIF_ADDFD": "in seccomp_descriptor",
    },
    "linux/random.h": {"RNDADDENTROPY": "in other_random"},
    "scsi/sg.h": {
        "SG_SET_TRANSFORM": "special half",
        "SG_IO": "inout! sg_io .behind:96?Q"
        " cmdp:1*cmd_len~in?S dxferp:1*dxfer_len?S dxferp:vector*iovec_count?S sbp:1*sb_len_wr~out?S"
        " +16:1*+12~in?Q +48:1*+132~out?Q +72:1*+60~in?Q +72:vector*+56~in?Q +80:1*+68~out?Q +80:vector*+64~out?Q",
        "SG_GET_SCSI_ID": "out other_scsi_id",
        "SG_SCSI_RESET": "in other_reset",
        "SG_GET_RESERVED_SIZE": "out int",
        "0x2289": "out int",  # SG_GET_ACCESS_COUNT, which the header has no more
    },
    "mtd/ubi-user.h": {"UBI_IOCMKVOL": "inout other_new_volume", "UBI_IOCRNVOL": "in other_renamed"},
    "linux/kd.h": {
        **dict.fromkeys(("KDENABIO", "KDDISABIO", "KDMAPDISP", "KDUNMAPDISP", "PIO_FONTRESET"), "-"),
        "KDADDIO": "special kd_port",
        "KDDELIO": "special kd_port",
        "KIOCSOUND": "special kd_sound",
        "KDMKTONE": "special kd_tone",
        "KDSIGACCEPT": "special kd_signal",
        "KDGETLED": "out kd_leds",
        "KDSETLED": "special kd_lights",
        "KDGKBLED": "out kd_lock_leds",
        "KDSKBLED": "special kd_locks",
        "KDGKBTYPE": "out kd_type",
        "KDGETMODE": "out kd_screen_mode",
        "KDSETMODE": "value enum ioctl_kd_mode",
        "KDGKBMODE": "out kd_keyboard_mode",
        "KDSKBMODE": "special kd_mode",
        "KDGKBMETA": "out kd_meta",
        "KDSKBMETA": "value enum ioctl_kd_meta",
        "KDGKBENT": "inout kd_entry",
        "KDSKBENT": "in kd_given_entry",
        "KDGKBSENT": "inout kd_string",
        "KDSKBSENT": "in kd_given_string",
        "KDGKBDIACR": "out kd_accents",
        "KDSKBDIACR": "in kd_accents",
        "KDGKBDIACRUC": "out kd_wide_accents",
        "KDSKBDIACRUC": "in kd_wide_accents",
        "KDGETKEYCODE": "inout kd_code",
        "KDSETKEYCODE": "in kd_code",
        "KDKBDREP": "inout kd_repeat",
        "GIO_CMAP": "out kd_colours",
        "PIO_CMAP": "in kd_colours",
        "GIO_FONT": "out kd_font",
        "PIO_FONT": "in kd_font",
        "GIO_FONTX": "inout kd_old_font chardata:4096",
        "PIO_FONTX": "in kd_old_font chardata:4096",
        "GIO_SCRNMAP": "out kd_map",
        "PIO_SCRNMAP": "in kd_map",
        "GIO_UNISCRNMAP": "out kd_unicode_map",
        "PIO_UNISCRNMAP": "in kd_unicode_map",
        "GIO_UNIMAP": "inout! kd_pairs entries:4*entry_ct",
        "PIO_UNIMAP": "in kd_pairs entries:4*entry_ct",
        "PIO_UNIMAPCLR": "in kd_clear",
        "KDFONTOP": "inout kd_font_op data:4096",
    },
    "linux/kvm.h": {
        "KVM_CHECK_EXTENSION": "value wide_enum device_kvm_cap",
        "KVM_CREATE_VCPU": "value uint",
        "KVM_SET_USER_MEMORY_REGION": "in kvm_memory",
        "KVM_GET_REGS": "out kvm_regs",
        "KVM_SET_REGS": "in kvm_regs",
        "KVM_GET_SREGS": "out kvm_sregs",
        "KVM_SET_SREGS": "in kvm_sregs",
        "KVM_SET_CPUID2": "in kvm_cpuid .entries:40*nent",
        "KVM_GET_SUPPORTED_CPUID": "inout kvm_asked_cpuid .entries:40*nent",
        "KVM_GET_EMULATED_CPUID": "inout kvm_asked_cpuid .entries:40*nent",
    },
    "linux/tee.h": {
        "TEE_IOC_VERSION": "out tee_version",
        "TEE_IOC_SHM_ALLOC": "inout tee_memory",
        "TEE_IOC_SHM_REGISTER": "inout tee_given_memory",
        "_IOWR(0xa4, 8, char[32])": "inout tee_descriptor",  # TEE_IOC_SHM_REGISTER_FD, of kernels that were changed
        "TEE_IOC_OPEN_SESSION": "in tee_session buf_ptr:1*buf_len",
        "TEE_IOC_INVOKE": "in tee_invocation buf_ptr:1*buf_len",
        "TEE_IOC_SUPPL_RECV": "in tee_received buf_ptr:1*buf_len",
        "TEE_IOC_SUPPL_SEND": "in tee_sent buf_ptr:1*buf_len",
        "TEE_IOC_CANCEL": "in tee_cancel",
        "TEE_IOC_CLOSE_SESSION": "in tee_close",
    },
    "linux/dm-ioctl.h": {
        **dict.fromkeys(
            (
                f"DM_{name}"
                for name in [
                    "VERSION", "REMOVE_ALL", "LIST_DEVICES", "DEV_CREATE", "DEV_REMOVE", "DEV_RENAME", "DEV_SUSPEND",
                    "DEV_STATUS", "DEV_WAIT", "TABLE_LOAD", "TABLE_CLEAR", "TABLE_DEPS", "TABLE_STATUS", "LIST_VERSIONS",
                    "TARGET_MSG", "DEV_SET_GEOMETRY", "DEV_ARM_POLL",
                ]
            ),
            "inout dm_request",
        ),
    },
    "linux/fs.h linux/btrfs.h": {
        **dict.fromkeys(
            (
                f"BTRFS_IOC_{name}"
                for name in [
                    "TRANS_START", "TRANS_END", "SYNC", "SCRUB_CANCEL", "QUOTA_RESCAN_WAIT", "DEFRAG", "BALANCE",
                ]
            ),
            "-",
        ),
        **dict.fromkeys(
            (
                f"BTRFS_IOC_{name}"
                for name in [
                    "ENCODED_WRITE", "ENCODED_READ", "RM_DEV_V2", "SNAP_DESTROY_V2", "GET_SUBVOL_INFO", "LOGICAL_INO_V2",
                    "GET_SUBVOL_ROOTREF", "INO_LOOKUP_USER",
                ]
            ),
            "value hex",
        ),
        **dict.fromkeys(
            (
                f"BTRFS_IOC_{name}"
                for name in [
                    "SNAP_CREATE", "SUBVOL_CREATE", "SNAP_DESTROY", "RESIZE", "SCAN_DEV", "FORGET_DEV", "ADD_DEV", "RM_DEV",
                    "DEVICES_READY",
                ]
            ),
            "in btrfs_volume",
        ),
        "BTRFS_IOC_QUOTA_CTL": "in btrfs_quota_ctl",
        "BTRFS_IOC_CLONE": "value fd",
        "BTRFS_IOC_BALANCE_CTL": "value enum device_btrfs_balance",
        "BTRFS_IOC_DEFAULT_SUBVOL": "in u64",
        "BTRFS_IOC_WAIT_SYNC": "in u64",
        "BTRFS_IOC_START_SYNC": "out u64",
        "BTRFS_IOC_SUBVOL_GETFLAGS": "out btrfs_flags",
        "BTRFS_IOC_SUBVOL_SETFLAGS": "in btrfs_flags",
        "BTRFS_IOC_QGROUP_CREATE": "in btrfs_qgroup_create",
        "BTRFS_IOC_QGROUP_ASSIGN": "in btrfs_qgroup_assign",
        "BTRFS_IOC_CLONE_RANGE": "in btrfs_clone_range",
        "BTRFS_IOC_DEFRAG_RANGE": "in btrfs_defrag_range",
        "BTRFS_IOC_QUOTA_RESCAN": "in btrfs_quota_rescan",
        "BTRFS_IOC_QUOTA_RESCAN_STATUS": "out btrfs_quota_status",
        "BTRFS_IOC_GET_FEATURES": "out btrfs_features",
        "BTRFS_IOC_SET_FEATURES": "in btrfs_features_set",
        "BTRFS_IOC_GET_SUPPORTED_FEATURES": "out btrfs_supported",
        **dict.fromkeys(
            ("BTRFS_IOC_SNAP_CREATE_V2", "BTRFS_IOC_SUBVOL_CREATE_V2"),
            "inout btrfs_volume_v2 qgroup_inherit:btrfs_inherit~in qgroup_inherit>.qgroups:8*num_qgroups~in",
        ),
        "BTRFS_IOC_BALANCE_V2": "inout btrfs_balance",
        "BTRFS_IOC_BALANCE_PROGRESS": "out btrfs_balance",
        "BTRFS_IOC_TREE_SEARCH": "inout btrfs_search",
        "BTRFS_IOC_TREE_SEARCH_V2": "inout! btrfs_search_v2 .buf:1*buf_size~out",
        "BTRFS_IOC_INO_LOOKUP": "inout btrfs_ino_lookup",
        "BTRFS_IOC_SPACE_INFO": "inout btrfs_spaces .spaces:btrfs_space*total_spaces~out",
        "BTRFS_IOC_SCRUB": "inout btrfs_scrub",
        "BTRFS_IOC_SCRUB_PROGRESS": "inout btrfs_scrub",
        "BTRFS_IOC_DEV_INFO": "inout btrfs_device",
        "BTRFS_IOC_FS_INFO": "out btrfs_file_system",
        "BTRFS_IOC_INO_PATHS": "inout btrfs_ino_paths fspath:1*size~out fspath>+16/0:8*+8~out",
        "BTRFS_IOC_LOGICAL_INO": "inout btrfs_logical_ino inodes:btrfs_container~out inodes>.val:8*elem_cnt~out",
        "BTRFS_IOC_SET_RECEIVED_SUBVOL": "inout btrfs_received",
        "BTRFS_IOC_SEND": "in btrfs_send clone_sources:8*clone_sources_count",
        "BTRFS_IOC_GET_DEV_STATS": "inout btrfs_device_errors",
        "BTRFS_IOC_DEV_REPLACE": "inout btrfs_replaced",
        "BTRFS_IOC_QGROUP_LIMIT": "out btrfs_qgroup_limit",
        "FIDEDUPERANGE": "inout btrfs_dedupe .info:btrfs_dedupe_info*dest_count",
    },
    "linux/videodev2.h": {
        "VIDIOC_QUERYCAP": "out video_capability",
        "VIDIOC_ENUM_FMT": "inout video_fmtdesc",
        "VIDIOC_G_FMT": "inout video_asked_format +32:24*+40",
        "VIDIOC_S_FMT": "inout video_format +32:24*+40",
        "VIDIOC_TRY_FMT": "inout video_format +32:24*+40",
        "VIDIOC_REQBUFS": "inout video_requestbuffers",
        "VIDIOC_QUERYBUF": "inout video_buffer",
        "VIDIOC_QBUF": "inout video_buffer",
        "VIDIOC_DQBUF": "inout video_done_buffer",
        "VIDIOC_G_FBUF": "out video_framebuffer",
        "VIDIOC_S_FBUF": "in video_framebuffer",
        "VIDIOC_STREAMON": "in video_type",
        "VIDIOC_STREAMOFF": "in video_type",
        "VIDIOC_G_PARM": "inout video_asked_parm",
        "VIDIOC_S_PARM": "inout video_parm",
        "VIDIOC_G_STD": "out video_std",
        "VIDIOC_S_STD": "in video_std",
        "VIDIOC_ENUMSTD": "inout video_standard",
        "VIDIOC_ENUMINPUT": "inout video_input",
        "VIDIOC_G_CTRL": "inout video_asked_control",
        "VIDIOC_S_CTRL": "inout video_control",
        "VIDIOC_G_TUNER": "inout video_asked_tuner",
        "VIDIOC_S_TUNER": "inout video_tuner",
        "VIDIOC_QUERYCTRL": "inout video_queryctrl",
        "VIDIOC_QUERY_EXT_CTRL": "inout video_query_ext_ctrl",
        "VIDIOC_G_INPUT": "out uint",
        "VIDIOC_S_INPUT": "inout video_index",
        "VIDIOC_CROPCAP": "inout video_cropcap",
        "VIDIOC_G_CROP": "inout video_asked_crop",
        "VIDIOC_S_CROP": "in video_crop",
        "VIDIOC_G_EXT_CTRLS": "inout! video_asked_controls controls:strings20*count",
        "VIDIOC_S_EXT_CTRLS": "inout! video_controls controls:strings20*count",
        "VIDIOC_TRY_EXT_CTRLS": "inout! video_controls controls:strings20*count",
        "VIDIOC_ENUM_FRAMESIZES": "inout video_frmsizeenum",
        "VIDIOC_ENUM_FRAMEINTERVALS": "inout video_frmivalenum",
        "VIDIOC_CREATE_BUFS": "inout video_create_buffers +48:24*+56",
        **dict.fromkeys(
            (
                f"VIDIOC_{name}"
                for name in [
                    "G_EDID", "S_EDID", "QUERYSTD", "S_DV_TIMINGS", "G_DV_TIMINGS", "ENUM_DV_TIMINGS",
                    "QUERY_DV_TIMINGS", "DV_TIMINGS_CAP",
                ]
            ),
            "value hex",
        ),
    },
    "linux/ptp_clock.h": {
        **{f"PTP_PEROUT_REQUEST{n}": f"in ptp_periodic{n}" for n in ("", "2")},
        **{f"PTP_SYS_OFFSET{n}": "inout ptp_samples" for n in ("", "2")},
        **{f"PTP_SYS_OFFSET_EXTENDED{n}": "inout ptp_triples" for n in ("", "2")},
        **{f"PTP_SYS_OFFSET_PRECISE{n}": "out ptp_precise" for n in ("", "2")},
        **{f"PTP_PIN_GETFUNC{n}": f"inout ptp_named_pin{n}" for n in ("", "2")},
    },
}  # fmt: skip


def main() -> None:
    out = [
        '"""Requests of ioctl to devices. Made by scripts/make_device_requests.py from linux-libc-dev; do not edit."""',
        "",
        "ROWS: dict[int, str] = {",
    ]
    for header, rows in GROUPS.items():
        out.append(f"    # {header}")
        numbers = values(f"{HEADERS} {header}", rows)
        out += [f'    0x{numbers[name] & 0xFFFFFFFF:X}: "{row}",  # {name}' for name, row in rows.items()]
    TARGET.write_text("\n".join([*out, "}"]) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
