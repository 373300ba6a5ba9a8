"""Names of requests of ioctl where strace's are others than those of the headers.

Facts observed with strace 6.1, by every request of the headers and by every type, number and direction in two sizes.
"""

NAMES: dict[int, str] = {
    **dict.fromkeys(
        (  # printers, SCSI, and KVM of other machines: without a name
            0x601,
            0x602,
            0x604,
            0x605,
            0x606,
            0x608,
            0x609,
            0x60A,
            0x60B,
            0x60C,
            0x60E,
            0x5383,
            0x5384,
            0x89E1,
            0x89E2,
            0xAE06,
            0xAE07,
            0xAE08,
            0xAE97,
            0xAEB3,
            0xAEC3,
            0xAEC4,
            0x40045304,
            0x4004AEC2,
            0x4008AE06,
            0x4008AE52,
            0x4008AE95,
            0x4010AE94,
            0x4010AE96,
            0x4018AE50,
            0x4018AE51,
            0x4020AEB5,
            0x4020AEB6,
            0x4020AEB9,
            0x4040AEB1,
            0x4040AEB2,
            0x4040AEB3,
            0x4048AEB4,
            0x4048AED1,
            0x4050AE87,
            0x4080AEA1,
            0x8010AEAD,
            0x8010AEAE,
            0x8040AE70,
            0x8250AEA6,
            0xC004AEA7,
            0xC020AEB8,
            0xC020AEC5,
            0xC020AED0,
        ),
        "",
    ),
    # ZFS: requests later than strace's, and names that one number has on other systems only
    **dict.fromkeys((0x5A57, 0x5A58, 0x5A59), ""),
    0x5A85: "ZFS_IOC_JAIL",
    0x5A86: "ZFS_IOC_UNJAIL",
    0x07B9: "IOCTL_VMCI_SOCKETS_GET_LOCAL_CID or IOCTL_VM_SOCKETS_GET_LOCAL_CID",
    0x4200: "IOCTL_XENBUS_BACKEND_EVTCHN or PMU_IOC_SLEEP",
    0x5000: "SNDCTL_DSP_RESET",
    0x5001: "PCITEST_BAR or SNDCTL_DSP_SYNC",
    0x40045202: "RFKILL_IOCTL_MAX_SIZE or SAA6588_CMD_CLOSE",
    0x40045402: "SNDRV_TIMER_IOCTL_TREAD_OLD",
    0x40046305: "BC_ACQUIRE or CHIOSPICKER",
    0x40086201: "DMA_BUF_SET_NAME_B",
    0x40106308: "BC_INCREFS_DONE or CHIOGSTATUS",
    0x40106309: "BC_ACQUIRE_DONE or RIO_CM_CHAN_SEND",
    0x4010AEAB: "KVM_GET_ONE_REG",
    0x40200242: "FDSETPRM",
    0x40200243: "FDDEFPRM",
    0x80200204: "FDGETPRM",
    0x40049409: "BTRFS_IOC_CLONE or FICLONE",
    0x4020940D: "BTRFS_IOC_CLONE_RANGE or FICLONERANGE",
    0x40085618: "VIDIOC_S_STD",
    0x80085617: "VIDIOC_G_STD",
    0x8008563F: "VIDIOC_QUERYSTD",
    0x80845663: "VIDIOC_QUERY_DV_TIMINGS",
    0xC0285628: "VIDIOC_G_EDID",
    0xC0285629: "VIDIOC_S_EDID",
    0xC0485619: "VIDIOC_ENUMSTD",
    0xC0845657: "VIDIOC_S_DV_TIMINGS",
    0xC0845658: "VIDIOC_G_DV_TIMINGS",
    0xC0905664: "VIDIOC_DV_TIMINGS_CAP",
    0xC0945662: "VIDIOC_ENUM_DV_TIMINGS",
}
_WRITE, _READ, _BOTH = 1, 2, 3  # _IOC_* of asm-generic/ioctl.h
_MIXER = ord("M")  # MIXER_READ and MIXER_WRITE of linux/soundcard.h: every request of that type
_MIXERS = {_WRITE: "MIXER_WRITE", _READ: "MIXER_READ"}
# Direction, type and number of macros whose argument is the size.
# Sources: linux/hidraw.h, hiddev.h, uinput.h, joystick.h, spi/spidev.h
_SIZED = {
    (_WRITE, "k", 0): "SPI_IOC_MESSAGE",
    (_READ, "H", 0x04): "HIDIOCGRAWNAME",
    (_READ, "H", 0x05): "HIDIOCGRAWPHYS",
    (_READ, "H", 0x06): "HIDIOCSFEATURE",
    (_BOTH, "H", 0x06): "HIDIOCSFEATURE",
    (_BOTH, "H", 0x07): "HIDIOCGFEATURE",
    (_READ, "H", 0x08): "HIDIOCGRAWUNIQ",
    (_READ, "H", 0x12): "HIDIOCGPHYS",
    (_READ, "U", 0x2C): "UI_GET_SYSNAME",
    (_READ, "j", 0x13): "JSIOCGNAME",
}


def sized(request: int) -> str:
    """MIXER_READ(1), HIDIOCGPHYS(64): the name by type and number; empty if there is none."""
    direction, kind, number, size = request >> 30, request >> 8 & 0xFF, request & 0xFF, request >> 16 & 0x3FFF
    if kind == _MIXER:
        name = _MIXERS.get(direction, "")
        return f"{name}({number})" if name else ""
    name = _SIZED.get((direction, chr(kind), number), "")
    return f"{name}({size})" if name else ""
