"""Regenerate src/wiretale/decode/constants/ioctl.py: constants in the arguments of requests of ioctl.

A module of its own, loaded when such a request is printed.
"""

from kernel_headers import write_constants

HEADERS = (
    "linux/fs.h linux/fiemap.h linux/counter.h linux/rtc.h linux/nbd.h linux/perf_event.h linux/userfaultfd.h"
    " linux/loop.h linux/lirc.h mtd/mtd-abi.h mtd/ubi-user.h scsi/sg.h linux/blkpg.h linux/ptp_clock.h linux/hdreg.h"
    " asm/termbits.h asm-generic/termios.h linux/tty.h linux/kd.h linux/keyboard.h linux/vt.h"
)
TABLES = {  # table: (pattern of names, left out, what strace says of a value without a name)
    "ioctl_fs_flags": (r"FS_[A-Z0-9]+(_[A-Z]+)?_FL", "FS_BTREE_FL", "FS_???_FL"),
    "ioctl_fs_xflags": (r"FS_XFLAG_\w+", "", "FS_XFLAG_???"),
    "ioctl_fiemap": (r"FIEMAP_FLAG_\w+", "", "FIEMAP_FLAG_???"),
    "ioctl_fiemap_extent": (r"FIEMAP_EXTENT_\w+", "", "FIEMAP_EXTENT_???"),
    "ioctl_counter_type": (r"COUNTER_COMPONENT_\w+", "", "COUNTER_COMPONENT_???"),
    "ioctl_counter_scope": (r"COUNTER_SCOPE_\w+", "", "COUNTER_SCOPE_???"),
    "ioctl_counter_event": (r"COUNTER_EVENT_[A-Z]\w*", "", "COUNTER_EVENT_???"),
    "ioctl_rtc_vl": (r"RTC_VL_(DATA_INVALID|BACKUP_LOW|BACKUP_EMPTY|ACCURACY_LOW|BACKUP_SWITCH)", "", "RTC_VL_???"),
    "ioctl_rtc_param": (r"RTC_PARAM_(FEATURES|CORRECTION|BACKUP_SWITCH_MODE)", "", "RTC_PARAM_???"),
    "ioctl_rtc_bsm": (r"RTC_BSM_\w+", "", "RTC_BSM_???"),
    "ioctl_perf_ioc": (r"PERF_IOC_FLAG_\w+", "", "PERF_IOC_FLAG_???"),
    "ioctl_uffd_features": (r"UFFD_FEATURE_\w+", "", "UFFD_FEATURE_???"),
    "ioctl_uffd_register": (r"UFFDIO_REGISTER_MODE_\w+", "", "UFFDIO_REGISTER_MODE_???"),
    "ioctl_uffd_copy": (r"UFFDIO_COPY_MODE_\w+", "", "UFFDIO_COPY_???"),
    "ioctl_uffd_zeropage": (r"UFFDIO_ZEROPAGE_MODE_\w+", "", "UFFDIO_ZEROPAGE_???"),
    "ioctl_loop_crypt": (r"LO_CRYPT_\w+", "", "LO_CRYPT_???"),
    "ioctl_lirc_mode": (r"LIRC_MODE_[A-Z0-9]+", r"LIRC_MODE_(SCANCODE2MODE|LIRCCODE2)\w*", "LIRC_MODE_???"),
    "ioctl_lirc_features": (r"LIRC_CAN_\w+", r"LIRC_CAN_(SEND|REC)_(MASK|RAW)|LIRC_CAN_(REC_PULSE|SEND_MODE2)|LIRC_CAN_(NOTIFY_DECODE|SET_REC_FILTER)|LIRC_CAN_SET_REC_CARRIER(_RANGE)?_MASK", "LIRC_CAN_???"),
    "ioctl_mtd_otp": (r"MTD_OTP_\w+", "", "MTD_OTP_???"),
    "ioctl_mtd_ops": (r"MTD_OPS_\w+", "", "MTD_OPS_???"),
    "ioctl_mtd_type": (r"MTD_(ABSENT|RAM|ROM|NORFLASH|NANDFLASH|DATAFLASH|UBIVOLUME|MLCNANDFLASH)", "", "MTD_???"),
    "ioctl_mtd_flags": (r"MTD_(WRITEABLE|BIT_WRITEABLE|NO_ERASE|POWERUP_LOCK|SLC_ON_MLC_EMULATION)", "", "MTD_???"),
    "ioctl_mtd_mode": (r"MTD_FILE_MODE_\w+", "", "MTD_FILE_MODE_???"),
    "ioctl_mtd_nandecc": (r"MTD_NANDECC_\w+", "", "MTD_NANDECC_???"),
    "ioctl_ubi_property": (r"UBI_VOL_PROP_\w+", "", "UBI_VOL_PROP_???"),
    "ioctl_blkpg": (r"BLKPG_\w+_PARTITION", "", "BLKPG_???"),
    "ioctl_ptp_extts": (r"PTP_(ENABLE_FEATURE|RISING_EDGE|FALLING_EDGE|STRICT_FLAGS)", "", "PTP_???"),
    "ioctl_ptp_perout": (r"PTP_PEROUT_(ONE_SHOT|DUTY_CYCLE|PHASE)", "", "PTP_PEROUT_???"),
    "ioctl_ptp_pin": (r"PTP_PF_\w+", "", "PTP_PF_???"),
    "ioctl_tiocm": (r"TIOCM_\w+", r"TIOCM_(CD|RI)", "TIOCM_???"),
    "ioctl_baud": (r"B\d+", "", "B???"),
    "ioctl_char_size": (r"CS[5-8]", "", "CS???"),
    "ioctl_cflag": (r"CSTOPB|CREAD|PARENB|PARODD|HUPCL|CLOCAL|CMSPAR|CRTSCTS|ADDRB", "ADDRB", "C???"),
    "ioctl_line": (r"N_[A-Z0-9_]+", r"N_(TTY_BUF\w*|DEVELOPMENT)", "N_???"),
    "ioctl_kd_mode": (r"KD_(TEXT|GRAPHICS|TEXT0|TEXT1)", "", "KD_???"),
    "ioctl_kd_type": (r"KB_\w+", "", "KB_???"),
    "ioctl_kd_kbmode": (r"K_(RAW|XLATE|MEDIUMRAW|UNICODE|OFF)", "", "K_???"),
    "ioctl_kd_meta": (r"K_(METABIT|ESCPREFIX)", "", "K_???"),
    "ioctl_kd_leds": (r"LED_(SCR|NUM|CAP)", "", "LED_???"),
    "ioctl_kd_locks": (r"K_(SCROLLLOCK|NUMLOCK|CAPSLOCK)", "", "K_???"),
}  # fmt: skip
EXTRA = {
    # mtd/ubi-user.h does not name the type of data any more
    "ioctl_ubi_dtype": ({1: "UBI_LONGTERM", 2: "UBI_SHORTTERM", 3: "UBI_UNKNOWN"}, "UBI_???"),
    # doc/proto.md of NBD; linux/nbd.h has those that the kernel's client knows
    "ioctl_nbd_flags": (
        {
            1: "NBD_FLAG_HAS_FLAGS", 2: "NBD_FLAG_READ_ONLY", 4: "NBD_FLAG_SEND_FLUSH", 8: "NBD_FLAG_SEND_FUA", 16: "NBD_FLAG_ROTATIONAL", 32: "NBD_FLAG_SEND_TRIM", 64: "NBD_FLAG_SEND_WRITE_ZEROES", 128: "NBD_FLAG_SEND_DF",
            256: "NBD_FLAG_CAN_MULTI_CONN", 512: "NBD_FLAG_SEND_RESIZE",
            1024: "NBD_FLAG_SEND_CACHE",
        },
        "NBD_IOC_FLAG_???",
    ),
    # linux/loop.h has no name any more for 2
    "ioctl_loop_flags": (
        {
            1: "LO_FLAGS_READ_ONLY", 2: "LO_FLAGS_USE_AOPS", 4: "LO_FLAGS_AUTOCLEAR", 8: "LO_FLAGS_PARTSCAN",
            16: "LO_FLAGS_DIRECT_IO",
        },
        "LO_FLAGS_???",
    ),
}  # fmt: skip

if __name__ == "__main__":
    write_constants(
        "ioctl", "Constants of requests of ioctl. Made by scripts/make_ioctl_constants.py", HEADERS, TABLES, EXTRA
    )
