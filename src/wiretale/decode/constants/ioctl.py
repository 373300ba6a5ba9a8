"""Constants of requests of ioctl. Made by scripts/make_ioctl_constants.py from linux-libc-dev; do not edit."""

# fmt: off
TABLES: dict[str, dict[int, str]] = {
    "ioctl_fs_flags": {
        1: "FS_SECRM_FL", 2: "FS_UNRM_FL", 4: "FS_COMPR_FL", 8: "FS_SYNC_FL", 16: "FS_IMMUTABLE_FL",
        32: "FS_APPEND_FL", 64: "FS_NODUMP_FL", 128: "FS_NOATIME_FL", 256: "FS_DIRTY_FL", 512: "FS_COMPRBLK_FL",
        1024: "FS_NOCOMP_FL", 2048: "FS_ENCRYPT_FL", 4096: "FS_INDEX_FL", 8192: "FS_IMAGIC_FL",
        16384: "FS_JOURNAL_DATA_FL", 32768: "FS_NOTAIL_FL", 65536: "FS_DIRSYNC_FL", 131072: "FS_TOPDIR_FL",
        262144: "FS_HUGE_FILE_FL", 524288: "FS_EXTENT_FL", 1048576: "FS_VERITY_FL", 2097152: "FS_EA_INODE_FL",
        4194304: "FS_EOFBLOCKS_FL", 8388608: "FS_NOCOW_FL", 33554432: "FS_DAX_FL", 268435456: "FS_INLINE_DATA_FL",
        536870912: "FS_PROJINHERIT_FL", 1073741824: "FS_CASEFOLD_FL", 2147483648: "FS_RESERVED_FL",
    },
    "ioctl_fs_xflags": {
        1: "FS_XFLAG_REALTIME", 2: "FS_XFLAG_PREALLOC", 8: "FS_XFLAG_IMMUTABLE", 16: "FS_XFLAG_APPEND",
        32: "FS_XFLAG_SYNC", 64: "FS_XFLAG_NOATIME", 128: "FS_XFLAG_NODUMP", 256: "FS_XFLAG_RTINHERIT",
        512: "FS_XFLAG_PROJINHERIT", 1024: "FS_XFLAG_NOSYMLINKS", 2048: "FS_XFLAG_EXTSIZE",
        4096: "FS_XFLAG_EXTSZINHERIT", 8192: "FS_XFLAG_NODEFRAG", 16384: "FS_XFLAG_FILESTREAM", 32768: "FS_XFLAG_DAX",
        65536: "FS_XFLAG_COWEXTSIZE", 2147483648: "FS_XFLAG_HASATTR",
    },
    "ioctl_fiemap": {
        1: "FIEMAP_FLAG_SYNC", 2: "FIEMAP_FLAG_XATTR", 4: "FIEMAP_FLAG_CACHE",
    },
    "ioctl_fiemap_extent": {
        1: "FIEMAP_EXTENT_LAST", 2: "FIEMAP_EXTENT_UNKNOWN", 4: "FIEMAP_EXTENT_DELALLOC", 8: "FIEMAP_EXTENT_ENCODED",
        128: "FIEMAP_EXTENT_DATA_ENCRYPTED", 256: "FIEMAP_EXTENT_NOT_ALIGNED", 512: "FIEMAP_EXTENT_DATA_INLINE",
        1024: "FIEMAP_EXTENT_DATA_TAIL", 2048: "FIEMAP_EXTENT_UNWRITTEN", 4096: "FIEMAP_EXTENT_MERGED",
        8192: "FIEMAP_EXTENT_SHARED",
    },
    "ioctl_counter_type": {
        0: "COUNTER_COMPONENT_NONE", 1: "COUNTER_COMPONENT_SIGNAL", 2: "COUNTER_COMPONENT_COUNT",
        3: "COUNTER_COMPONENT_FUNCTION", 4: "COUNTER_COMPONENT_SYNAPSE_ACTION", 5: "COUNTER_COMPONENT_EXTENSION",
    },
    "ioctl_counter_scope": {
        0: "COUNTER_SCOPE_DEVICE", 1: "COUNTER_SCOPE_SIGNAL", 2: "COUNTER_SCOPE_COUNT",
    },
    "ioctl_counter_event": {
        0: "COUNTER_EVENT_OVERFLOW", 1: "COUNTER_EVENT_UNDERFLOW", 2: "COUNTER_EVENT_OVERFLOW_UNDERFLOW",
        3: "COUNTER_EVENT_THRESHOLD", 4: "COUNTER_EVENT_INDEX", 5: "COUNTER_EVENT_CHANGE_OF_STATE",
        6: "COUNTER_EVENT_CAPTURE",
    },
    "ioctl_rtc_vl": {
        1: "RTC_VL_DATA_INVALID", 2: "RTC_VL_BACKUP_LOW", 4: "RTC_VL_BACKUP_EMPTY", 8: "RTC_VL_ACCURACY_LOW",
        16: "RTC_VL_BACKUP_SWITCH",
    },
    "ioctl_rtc_param": {
        0: "RTC_PARAM_FEATURES", 1: "RTC_PARAM_CORRECTION", 2: "RTC_PARAM_BACKUP_SWITCH_MODE",
    },
    "ioctl_rtc_bsm": {
        0: "RTC_BSM_DISABLED", 1: "RTC_BSM_DIRECT", 2: "RTC_BSM_LEVEL", 3: "RTC_BSM_STANDBY",
    },
    "ioctl_perf_ioc": {
        1: "PERF_IOC_FLAG_GROUP",
    },
    "ioctl_uffd_features": {
        1: "UFFD_FEATURE_PAGEFAULT_FLAG_WP", 2: "UFFD_FEATURE_EVENT_FORK", 4: "UFFD_FEATURE_EVENT_REMAP",
        8: "UFFD_FEATURE_EVENT_REMOVE", 16: "UFFD_FEATURE_MISSING_HUGETLBFS", 32: "UFFD_FEATURE_MISSING_SHMEM",
        64: "UFFD_FEATURE_EVENT_UNMAP", 128: "UFFD_FEATURE_SIGBUS", 256: "UFFD_FEATURE_THREAD_ID",
        512: "UFFD_FEATURE_MINOR_HUGETLBFS", 1024: "UFFD_FEATURE_MINOR_SHMEM", 2048: "UFFD_FEATURE_EXACT_ADDRESS",
        4096: "UFFD_FEATURE_WP_HUGETLBFS_SHMEM",
    },
    "ioctl_uffd_register": {
        1: "UFFDIO_REGISTER_MODE_MISSING", 2: "UFFDIO_REGISTER_MODE_WP", 4: "UFFDIO_REGISTER_MODE_MINOR",
    },
    "ioctl_uffd_copy": {
        1: "UFFDIO_COPY_MODE_DONTWAKE", 2: "UFFDIO_COPY_MODE_WP",
    },
    "ioctl_uffd_zeropage": {
        1: "UFFDIO_ZEROPAGE_MODE_DONTWAKE",
    },
    "ioctl_loop_crypt": {
        0: "LO_CRYPT_NONE", 1: "LO_CRYPT_XOR", 2: "LO_CRYPT_DES", 3: "LO_CRYPT_FISH2", 4: "LO_CRYPT_BLOW",
        5: "LO_CRYPT_CAST128", 6: "LO_CRYPT_IDEA", 9: "LO_CRYPT_DUMMY", 10: "LO_CRYPT_SKIPJACK",
        18: "LO_CRYPT_CRYPTOAPI",
    },
    "ioctl_lirc_mode": {
        1: "LIRC_MODE_RAW", 2: "LIRC_MODE_PULSE", 4: "LIRC_MODE_MODE2", 8: "LIRC_MODE_SCANCODE",
        16: "LIRC_MODE_LIRCCODE",
    },
    "ioctl_lirc_features": {
        2: "LIRC_CAN_SEND_PULSE", 16: "LIRC_CAN_SEND_LIRCCODE", 256: "LIRC_CAN_SET_SEND_CARRIER",
        512: "LIRC_CAN_SET_SEND_DUTY_CYCLE", 1024: "LIRC_CAN_SET_TRANSMITTER_MASK", 262144: "LIRC_CAN_REC_MODE2",
        524288: "LIRC_CAN_REC_SCANCODE", 1048576: "LIRC_CAN_REC_LIRCCODE", 16777216: "LIRC_CAN_SET_REC_CARRIER",
        33554432: "LIRC_CAN_MEASURE_CARRIER", 67108864: "LIRC_CAN_USE_WIDEBAND_RECEIVER",
        268435456: "LIRC_CAN_SET_REC_TIMEOUT", 536870912: "LIRC_CAN_GET_REC_RESOLUTION",
        2147483648: "LIRC_CAN_SET_REC_CARRIER_RANGE",
    },
    "ioctl_mtd_otp": {
        0: "MTD_OTP_OFF", 1: "MTD_OTP_FACTORY", 2: "MTD_OTP_USER",
    },
    "ioctl_mtd_ops": {
        0: "MTD_OPS_PLACE_OOB", 1: "MTD_OPS_AUTO_OOB", 2: "MTD_OPS_RAW",
    },
    "ioctl_mtd_type": {
        0: "MTD_ABSENT", 1: "MTD_RAM", 2: "MTD_ROM", 3: "MTD_NORFLASH", 4: "MTD_NANDFLASH", 6: "MTD_DATAFLASH",
        7: "MTD_UBIVOLUME", 8: "MTD_MLCNANDFLASH",
    },
    "ioctl_mtd_flags": {
        1024: "MTD_WRITEABLE", 2048: "MTD_BIT_WRITEABLE", 4096: "MTD_NO_ERASE", 8192: "MTD_POWERUP_LOCK",
        16384: "MTD_SLC_ON_MLC_EMULATION",
    },
    "ioctl_mtd_mode": {
        0: "MTD_FILE_MODE_NORMAL", 1: "MTD_FILE_MODE_OTP_FACTORY", 2: "MTD_FILE_MODE_OTP_USER",
        3: "MTD_FILE_MODE_RAW",
    },
    "ioctl_mtd_nandecc": {
        0: "MTD_NANDECC_OFF", 1: "MTD_NANDECC_PLACE", 2: "MTD_NANDECC_AUTOPLACE", 3: "MTD_NANDECC_PLACEONLY",
        4: "MTD_NANDECC_AUTOPL_USR",
    },
    "ioctl_ubi_property": {
        1: "UBI_VOL_PROP_DIRECT_WRITE",
    },
    "ioctl_blkpg": {
        1: "BLKPG_ADD_PARTITION", 2: "BLKPG_DEL_PARTITION", 3: "BLKPG_RESIZE_PARTITION",
    },
    "ioctl_ptp_extts": {
        1: "PTP_ENABLE_FEATURE", 2: "PTP_RISING_EDGE", 4: "PTP_FALLING_EDGE", 8: "PTP_STRICT_FLAGS",
    },
    "ioctl_ptp_perout": {
        1: "PTP_PEROUT_ONE_SHOT", 2: "PTP_PEROUT_DUTY_CYCLE", 4: "PTP_PEROUT_PHASE",
    },
    "ioctl_ptp_pin": {
        0: "PTP_PF_NONE", 1: "PTP_PF_EXTTS", 2: "PTP_PF_PEROUT", 3: "PTP_PF_PHYSYNC",
    },
    "ioctl_tiocm": {
        1: "TIOCM_LE", 2: "TIOCM_DTR", 4: "TIOCM_RTS", 8: "TIOCM_ST", 16: "TIOCM_SR", 32: "TIOCM_CTS",
        64: "TIOCM_CAR", 128: "TIOCM_RNG", 256: "TIOCM_DSR", 8192: "TIOCM_OUT1", 16384: "TIOCM_OUT2",
        32768: "TIOCM_LOOP",
    },
    "ioctl_baud": {
        0: "B0", 1: "B50", 2: "B75", 3: "B110", 4: "B134", 5: "B150", 6: "B200", 7: "B300", 8: "B600", 9: "B1200",
        10: "B1800", 11: "B2400", 12: "B4800", 13: "B9600", 14: "B19200", 15: "B38400", 4097: "B57600",
        4098: "B115200", 4099: "B230400", 4100: "B460800", 4101: "B500000", 4102: "B576000", 4103: "B921600",
        4104: "B1000000", 4105: "B1152000", 4106: "B1500000", 4107: "B2000000", 4108: "B2500000", 4109: "B3000000",
        4110: "B3500000", 4111: "B4000000",
    },
    "ioctl_char_size": {
        0: "CS5", 16: "CS6", 32: "CS7", 48: "CS8",
    },
    "ioctl_cflag": {
        64: "CSTOPB", 128: "CREAD", 256: "PARENB", 512: "PARODD", 1024: "HUPCL", 2048: "CLOCAL", 1073741824: "CMSPAR",
        2147483648: "CRTSCTS",
    },
    "ioctl_line": {
        0: "N_TTY", 1: "N_SLIP", 2: "N_MOUSE", 3: "N_PPP", 4: "N_STRIP", 5: "N_AX25", 6: "N_X25", 7: "N_6PACK",
        8: "N_MASC", 9: "N_R3964", 10: "N_PROFIBUS_FDL", 11: "N_IRDA", 12: "N_SMSBLOCK", 13: "N_HDLC",
        14: "N_SYNC_PPP", 15: "N_HCI", 16: "N_GIGASET_M101", 17: "N_SLCAN", 18: "N_PPS", 19: "N_V253", 20: "N_CAIF",
        21: "N_GSM0710", 22: "N_TI_WL", 23: "N_TRACESINK", 24: "N_TRACEROUTER", 25: "N_NCI", 26: "N_SPEAKUP",
        27: "N_NULL", 28: "N_MCTP", 30: "N_CAN327",
    },
    "ioctl_kd_mode": {
        0: "KD_TEXT", 1: "KD_GRAPHICS", 2: "KD_TEXT0", 3: "KD_TEXT1",
    },
    "ioctl_kd_type": {
        1: "KB_84", 2: "KB_101", 3: "KB_OTHER",
    },
    "ioctl_kd_kbmode": {
        0: "K_RAW", 1: "K_XLATE", 2: "K_MEDIUMRAW", 3: "K_UNICODE", 4: "K_OFF",
    },
    "ioctl_kd_meta": {
        3: "K_METABIT", 4: "K_ESCPREFIX",
    },
    "ioctl_kd_leds": {
        1: "LED_SCR", 2: "LED_NUM", 4: "LED_CAP",
    },
    "ioctl_kd_locks": {
        1: "K_SCROLLLOCK", 2: "K_NUMLOCK", 4: "K_CAPSLOCK",
    },
    "ioctl_ubi_dtype": {
        1: "UBI_LONGTERM", 2: "UBI_SHORTTERM", 3: "UBI_UNKNOWN",
    },
    "ioctl_nbd_flags": {
        1: "NBD_FLAG_HAS_FLAGS", 2: "NBD_FLAG_READ_ONLY", 4: "NBD_FLAG_SEND_FLUSH", 8: "NBD_FLAG_SEND_FUA",
        16: "NBD_FLAG_ROTATIONAL", 32: "NBD_FLAG_SEND_TRIM", 64: "NBD_FLAG_SEND_WRITE_ZEROES",
        128: "NBD_FLAG_SEND_DF", 256: "NBD_FLAG_CAN_MULTI_CONN", 512: "NBD_FLAG_SEND_RESIZE",
        1024: "NBD_FLAG_SEND_CACHE",
    },
    "ioctl_loop_flags": {
        1: "LO_FLAGS_READ_ONLY", 2: "LO_FLAGS_USE_AOPS", 4: "LO_FLAGS_AUTOCLEAR", 8: "LO_FLAGS_PARTSCAN",
        16: "LO_FLAGS_DIRECT_IO",
    },
}
UNKNOWN: dict[str, str] = {
    "ioctl_fs_flags": "FS_???_FL",
    "ioctl_fs_xflags": "FS_XFLAG_???",
    "ioctl_fiemap": "FIEMAP_FLAG_???",
    "ioctl_fiemap_extent": "FIEMAP_EXTENT_???",
    "ioctl_counter_type": "COUNTER_COMPONENT_???",
    "ioctl_counter_scope": "COUNTER_SCOPE_???",
    "ioctl_counter_event": "COUNTER_EVENT_???",
    "ioctl_rtc_vl": "RTC_VL_???",
    "ioctl_rtc_param": "RTC_PARAM_???",
    "ioctl_rtc_bsm": "RTC_BSM_???",
    "ioctl_perf_ioc": "PERF_IOC_FLAG_???",
    "ioctl_uffd_features": "UFFD_FEATURE_???",
    "ioctl_uffd_register": "UFFDIO_REGISTER_MODE_???",
    "ioctl_uffd_copy": "UFFDIO_COPY_???",
    "ioctl_uffd_zeropage": "UFFDIO_ZEROPAGE_???",
    "ioctl_loop_crypt": "LO_CRYPT_???",
    "ioctl_lirc_mode": "LIRC_MODE_???",
    "ioctl_lirc_features": "LIRC_CAN_???",
    "ioctl_mtd_otp": "MTD_OTP_???",
    "ioctl_mtd_ops": "MTD_OPS_???",
    "ioctl_mtd_type": "MTD_???",
    "ioctl_mtd_flags": "MTD_???",
    "ioctl_mtd_mode": "MTD_FILE_MODE_???",
    "ioctl_mtd_nandecc": "MTD_NANDECC_???",
    "ioctl_ubi_property": "UBI_VOL_PROP_???",
    "ioctl_blkpg": "BLKPG_???",
    "ioctl_ptp_extts": "PTP_???",
    "ioctl_ptp_perout": "PTP_PEROUT_???",
    "ioctl_ptp_pin": "PTP_PF_???",
    "ioctl_tiocm": "TIOCM_???",
    "ioctl_baud": "B???",
    "ioctl_char_size": "CS???",
    "ioctl_cflag": "C???",
    "ioctl_line": "N_???",
    "ioctl_kd_mode": "KD_???",
    "ioctl_kd_type": "KB_???",
    "ioctl_kd_kbmode": "K_???",
    "ioctl_kd_meta": "K_???",
    "ioctl_kd_leds": "LED_???",
    "ioctl_kd_locks": "K_???",
    "ioctl_ubi_dtype": "UBI_???",
    "ioctl_nbd_flags": "NBD_IOC_FLAG_???",
    "ioctl_loop_flags": "LO_FLAGS_???",
}
# fmt: on
