"""Arguments of requests of ioctl: number -> what is given, by request. Sources: the header named beside each group.

`-`: nothing; `value KIND [TABLE]`: a number; `special NAME`: a number that a decoder prints in a way of its own;
`string`; `address`: something that is not decoded; `in S`, `out S`, `inout S`: structure S of `struct_fields.py` and
its like, read before the call, after it or both; `inout! S`: after a call that failed too. `POINTER:T[*COUNT]` after
it: what a pointer in it points to, T (a structure, bytes, or `string`; with `strings`, elements of so many bytes that
end with a pointer to one, or `vector`, an iovec with its buffers) as often as the field COUNT says;
`.NAME:T[*COUNT]`: what lies behind S itself. `OUTER>` before either: of the structure that the pointer OUTER leads to.
Behind it `~in` or `~out`: only before or after the call; `?C`: only if the structure begins with the letter C.
A row beginning with `+` is one that strace does not decode.

Rows by name are in the modules of BY_NAME: they are loaded when a request is seen that has no row here.
"""

from collections.abc import Iterator, Mapping

from wiretale.decode.structs import struct_size
from wiretale.decode.syscalls import device_requests
from wiretale.decode.syscalls.spec import VECTOR, Arg, Follow, Kind
from wiretale.light import later, replace
from wiretale.model.enums import Arch

TYPE_CHECKING = False  # see light.py
if TYPE_CHECKING:
    from wiretale.decode.constants import requests as known
else:
    known = later("wiretale.decode.constants.requests")  # large, and rarely needed

ROWS: dict[int, str] = {
    # asm-generic/ioctls.h: terminals
    0x540A: "value wide_enum tty_flow",  # TCXONC
    0x540B: "value wide_enum tty_flush",  # TCFLSH
    0x5409: "value int",  # TCSBRK
    0x540E: "value int",  # TIOCSCTTY
    0x5412: "in other_byte",  # TIOCSTI
    0x5419: "out int",  # TIOCGSOFTCAR
    0x541A: "in int",  # TIOCSSOFTCAR
    0x5420: "in int",  # TIOCPKT
    0x5460: "+out loff_t",  # FIOQSIZE
    0x80045438: "+out int",  # TIOCGPKT
    0x80045439: "+out int",  # TIOCGPTLCK
    0x541D: "-",  # TIOCCONS
    0x541F: "-",  # TIOCSSERIAL
    0x5425: "value int",  # TCSBRKP
    0x5427: "-",  # TIOCSBRK
    0x5428: "-",  # TIOCCBRK
    0x5437: "-",  # TIOCVHANGUP
    # linux/fs.h
    0xC0045877: "-",  # FIFREEZE
    0xC0045878: "-",  # FITHAW
    0xC0185879: "in fstrim_range",  # FITRIM
    0x801C581F: "out fsxattr",  # FS_IOC_FSGETXATTR
    0x401C5820: "in fsxattr_set",  # FS_IOC_FSSETXATTR
    0xC020660B: "inout fiemap .fm_extents:fiemap_extent*fm_mapped_extents",  # FS_IOC_FIEMAP
    0x80086601: "out fs_flags",  # FS_IOC_GETFLAGS
    0x40086602: "in fs_flags",  # FS_IOC_SETFLAGS
    0x80046601: "out fs_flags",  # FS_IOC32_GETFLAGS
    0x40046602: "in fs_flags",  # FS_IOC32_SETFLAGS
    0x125D: "in int",  # BLKROSET
    0x125E: "out int",  # BLKROGET
    0x125F: "-",  # BLKRRPART
    0x1260: "out ulong",  # BLKGETSIZE
    0x1261: "-",  # BLKFLSBUF
    0x1262: "value ulong",  # BLKRASET
    0x1263: "out long",  # BLKRAGET
    0x1264: "value ulong",  # BLKFRASET
    0x1265: "out long",  # BLKFRAGET
    0x1267: "out ushort",  # BLKSECTGET
    0x1268: "out int",  # BLKSSZGET
    0x80081270: "out int",  # BLKBSZGET
    0x40081271: "in int",  # BLKBSZSET
    0x1274: "-",  # BLKTRACESTART
    0x1275: "-",  # BLKTRACESTOP
    0x1276: "-",  # BLKTRACETEARDOWN
    0x1277: "in block_range",  # BLKDISCARD
    0x127D: "in block_range",  # BLKSECDISCARD
    0x127F: "in block_range",  # BLKZEROOUT
    0x1278: "out uint",  # BLKIOMIN
    0x1279: "out uint",  # BLKIOOPT
    0x127A: "out int",  # BLKALIGNOFF
    0x127B: "out uint",  # BLKPBSZGET
    0x127C: "out uint",  # BLKDISCARDZEROES
    0x127E: "out ushort",  # BLKROTATIONAL
    0x80041284: "out uint",  # BLKGETZONESZ
    0x80041285: "out uint",  # BLKGETNRZONES
    0x80081280: "out u64",  # BLKGETDISKSEQ
    0x1269: "in disk_change data:disk_partition",  # BLKPG
    0xC0481273: "inout disk_trace",  # BLKTRACESETUP
    0x81009431: "out disk_label",  # FS_IOC_GETFSLABEL
    0x41009432: "in disk_label",  # FS_IOC_SETFSLABEL
    # linux/counter.h
    0x40063E00: "in counter_watch",  # COUNTER_ADD_WATCH_IOCTL
    0x3E01: "-",  # COUNTER_ENABLE_EVENTS_IOCTL
    0x3E02: "-",  # COUNTER_DISABLE_EVENTS_IOCTL
    # linux/watchdog.h
    0xC0045706: "in int",  # WDIOC_SETTIMEOUT
    0xC0045708: "in int",  # WDIOC_SETPRETIMEOUT
    0x80045705: "-",  # WDIOC_KEEPALIVE
    0x80045701: "out int",  # WDIOC_GETSTATUS
    0x80045702: "out int",  # WDIOC_GETBOOTSTATUS
    0x80045703: "out int",  # WDIOC_GETTEMP
    0x80045707: "out int",  # WDIOC_GETTIMEOUT
    0x80045709: "out int",  # WDIOC_GETPRETIMEOUT
    0x8004570A: "out int",  # WDIOC_GETTIMELEFT
    # linux/random.h
    0x80045200: "out int",  # RNDGETENTCNT
    0x40045201: "in int",  # RNDADDTOENTCNT
    0x5204: "-",  # RNDZAPENTCNT
    0x5206: "-",  # RNDCLEARPOOL
    0x5207: "-",  # RNDRESEEDCRNG
    # linux/nsfs.h
    0xB701: "-",  # NS_GET_USERNS
    0xB702: "-",  # NS_GET_PARENT
    0xB703: "-",  # NS_GET_NSTYPE
    0xB704: "out uid_t",  # NS_GET_OWNER_UID
    # linux/inotify.h
    0x40044900: "value int",  # INOTIFY_IOC_SETNEXTWD
    # linux/nbd.h
    0xAB08: "-",  # NBD_DISCONNECT
    0xAB04: "-",  # NBD_CLEAR_SOCK
    0xAB03: "-",  # NBD_DO_IT
    0xAB05: "-",  # NBD_CLEAR_QUE
    0xAB06: "-",  # NBD_PRINT_DEBUG
    0xAB00: "value fd",  # NBD_SET_SOCK
    0xAB01: "value ulong",  # NBD_SET_BLKSIZE
    0xAB02: "value ulong",  # NBD_SET_SIZE
    0xAB07: "value ulong",  # NBD_SET_SIZE_BLOCKS
    0xAB09: "value ulong",  # NBD_SET_TIMEOUT
    0xAB0A: "value flags ioctl_nbd_flags",  # NBD_SET_FLAGS
    # asm-generic/ioctls.h, asm-generic/termios.h
    0x802C542A: "out termios2",  # TCGETS2
    0x402C542B: "in termios2",  # TCSETS2
    0x402C542C: "in termios2",  # TCSETSW2
    0x402C542D: "in termios2",  # TCSETSF2
    0x5456: "out termios",  # TIOCGLCKTRMIOS
    0x5457: "in termios",  # TIOCSLCKTRMIOS
    0x5405: "out termio",  # TCGETA
    0x5406: "in termio",  # TCSETA
    0x5407: "in termio",  # TCSETAW
    0x5408: "in termio",  # TCSETAF
    0x5415: "out modem",  # TIOCMGET
    0x5416: "in modem",  # TIOCMBIS
    0x5417: "in modem",  # TIOCMBIC
    0x5418: "in modem",  # TIOCMSET
    # linux/rtc.h
    0x7002: "-",  # RTC_AIE_OFF
    0x7001: "-",  # RTC_AIE_ON
    0x7006: "-",  # RTC_PIE_OFF
    0x7005: "-",  # RTC_PIE_ON
    0x7004: "-",  # RTC_UIE_OFF
    0x7003: "-",  # RTC_UIE_ON
    0x7014: "-",  # RTC_VL_CLR
    0x7010: "-",  # RTC_WIE_OFF
    0x700F: "-",  # RTC_WIE_ON
    0x4008700E: "value ulong",  # RTC_EPOCH_SET
    0x4008700C: "value ulong",  # RTC_IRQP_SET
    0x8008700D: "out ulong",  # RTC_EPOCH_READ
    0x8008700B: "out ulong",  # RTC_IRQP_READ
    0x40247007: "in rtc_time",  # RTC_ALM_SET
    0x4024700A: "in rtc_time",  # RTC_SET_TIME
    0x80247008: "out rtc_time",  # RTC_ALM_READ
    0x80247009: "out rtc_time",  # RTC_RD_TIME
    0x4028700F: "in rtc_wkalrm",  # RTC_WKALM_SET
    0x80287010: "out rtc_wkalrm",  # RTC_WKALM_RD
    0x40207012: "in rtc_pll_info",  # RTC_PLL_SET
    0x80207011: "out rtc_pll_info",  # RTC_PLL_GET
    0x80047013: "out rtc_vl",  # RTC_VL_READ
    0x40187013: "inout rtc_param",  # RTC_PARAM_GET
    0x40187014: "in rtc_param",  # RTC_PARAM_SET
    # linux/sockios.h
    0x8906: "+out timeval",  # SIOCGSTAMP
    0x8907: "+out timespec",  # SIOCGSTAMPNS
    0x8911: "+in ifreq",  # SIOCSIFLINK
    0x8926: "in int",  # SIOCSIFENCAP
    0x8925: "out int",  # SIOCGIFENCAP
    0x89A0: "in if_name",  # SIOCBRADDBR
    0x89A1: "in if_name",  # SIOCBRDELBR
    0x89A2: "in bridge_port",  # SIOCBRADDIF
    0x89A3: "in bridge_port",  # SIOCBRDELIF
    # linux/perf_event.h
    0x2400: "value flags ioctl_perf_ioc",  # PERF_EVENT_IOC_ENABLE
    0x2401: "value flags ioctl_perf_ioc",  # PERF_EVENT_IOC_DISABLE
    0x2403: "value flags ioctl_perf_ioc",  # PERF_EVENT_IOC_RESET
    0x2402: "value int",  # PERF_EVENT_IOC_REFRESH
    0x40082404: "in u64",  # PERF_EVENT_IOC_PERIOD
    0x2405: "value fd",  # PERF_EVENT_IOC_SET_OUTPUT
    0x40082406: "string",  # PERF_EVENT_IOC_SET_FILTER
    0x80082407: "out u64",  # PERF_EVENT_IOC_ID
    0x40042408: "value fd",  # PERF_EVENT_IOC_SET_BPF
    0x40042409: "value ulong",  # PERF_EVENT_IOC_PAUSE_OUTPUT
    0xC008240A: "inout perf_query_bpf .ids:uint*ids_len",  # PERF_EVENT_IOC_QUERY_BPF
    0x4008240B: "in perf_event_attr",  # PERF_EVENT_IOC_MODIFY_ATTRIBUTES
    # linux/userfaultfd.h
    0xC018AA3F: "inout uffdio_api",  # UFFDIO_API
    0xC020AA00: "inout uffdio_register",  # UFFDIO_REGISTER
    0x8010AA01: "in uffdio_range",  # UFFDIO_UNREGISTER
    0x8010AA02: "in uffdio_range",  # UFFDIO_WAKE
    0xC028AA03: "inout uffdio_copy",  # UFFDIO_COPY
    0xC020AA04: "inout uffdio_zeropage",  # UFFDIO_ZEROPAGE
    # linux/loop.h
    0x4C00: "value fd",  # LOOP_SET_FD
    0x4C01: "-",  # LOOP_CLR_FD
    0x4C02: "in loop_info",  # LOOP_SET_STATUS
    0x4C03: "out loop_info",  # LOOP_GET_STATUS
    0x4C04: "in loop_info64",  # LOOP_SET_STATUS64
    0x4C05: "out loop_info64",  # LOOP_GET_STATUS64
    0x4C0A: "in loop_config",  # LOOP_CONFIGURE
    0x4C06: "value fd",  # LOOP_CHANGE_FD
    0x4C07: "-",  # LOOP_SET_CAPACITY
    0x4C08: "value ulong",  # LOOP_SET_DIRECT_IO
    0x4C09: "value ulong",  # LOOP_SET_BLOCK_SIZE
    0x4C80: "value int",  # LOOP_CTL_ADD
    0x4C81: "value int",  # LOOP_CTL_REMOVE
    0x4C82: "-",  # LOOP_CTL_GET_FREE
    # linux/lirc.h
    0x80046900: "out lirc_features",  # LIRC_GET_FEATURES
    0x80046901: "out lirc_mode",  # LIRC_GET_SEND_MODE
    0x80046902: "out lirc_mode",  # LIRC_GET_REC_MODE
    0x80046907: "out uint",  # LIRC_GET_REC_RESOLUTION
    0x80046908: "out uint",  # LIRC_GET_MIN_TIMEOUT
    0x80046909: "out uint",  # LIRC_GET_MAX_TIMEOUT
    0x8004690F: "out uint",  # LIRC_GET_LENGTH
    0x80046924: "out uint",  # LIRC_GET_REC_TIMEOUT
    0x40046911: "in lirc_mode",  # LIRC_SET_SEND_MODE
    0x40046912: "in lirc_mode",  # LIRC_SET_REC_MODE
    0x40046913: "in uint",  # LIRC_SET_SEND_CARRIER
    0x40046914: "in uint",  # LIRC_SET_REC_CARRIER
    0x40046915: "in uint",  # LIRC_SET_SEND_DUTY_CYCLE
    0x40046917: "in hex32",  # LIRC_SET_TRANSMITTER_MASK
    0x40046918: "in uint",  # LIRC_SET_REC_TIMEOUT
    0x40046919: "in uint",  # LIRC_SET_REC_TIMEOUT_REPORTS
    0x4004691D: "in uint",  # LIRC_SET_MEASURE_CARRIER_MODE
    0x4004691F: "in uint",  # LIRC_SET_REC_CARRIER_RANGE
    0x40046923: "in uint",  # LIRC_SET_WIDEBAND_RECEIVER
    # mtd/mtd-abi.h
    0x80204D01: "out mtd_info_user",  # MEMGETINFO
    0x40084D02: "in erase_info_user",  # MEMERASE
    0x40104D14: "in erase_info_user64",  # MEMERASE64
    0x40084D05: "in erase_info_user",  # MEMLOCK
    0x40084D06: "in erase_info_user",  # MEMUNLOCK
    0x80084D17: "in erase_info_user",  # MEMISLOCKED
    0xC0104D04: "in mtd_oob_buf",  # MEMREADOOB
    0xC0104D03: "in mtd_oob_buf",  # MEMWRITEOOB
    0xC0184D16: "in mtd_oob_buf64",  # MEMREADOOB64
    0xC0184D15: "in mtd_oob_buf64",  # MEMWRITEOOB64
    0x80044D07: "out int",  # MEMGETREGIONCOUNT
    0xC0104D08: "inout region_info_user",  # MEMGETREGIONINFO
    0x40084D0B: "in u64",  # MEMGETBADBLOCK
    0x40084D0C: "in u64",  # MEMSETBADBLOCK
    0x80044D0D: "in mtd_otp",  # OTPSELECT
    0x40044D0E: "out uint",  # OTPGETREGIONCOUNT
    0x800C4D10: "in otp_info",  # OTPLOCK
    0x400C4D0F: "out otp_info",  # OTPGETREGIONINFO
    0x80C84D0A: "out disk_out_of_band",  # MEMGETOOBSEL
    0x81484D11: "out disk_layout",  # ECCGETLAYOUT
    0x4D13: "value wide_enum ioctl_mtd_mode",  # MTDFILEMODE
    0xC0304D18: "in mtd_write_req",  # MEMWRITE
    0x80104D12: "out mtd_ecc_stats",  # ECCGETSTATS
    # mtd/ubi-user.h
    0x40804F07: "-",  # UBI_IOCVOLCRBLK
    0x4F08: "-",  # UBI_IOCVOLRMBLK
    0x40046F41: "in int",  # UBI_IOCDET
    0x40044F01: "in int",  # UBI_IOCEBER
    0x80044F05: "in int",  # UBI_IOCEBISMAP
    0x40044F04: "in int",  # UBI_IOCEBUNMAP
    0x40046F01: "in int",  # UBI_IOCRMVOL
    0x40046F04: "in int",  # UBI_IOCRPEB
    0x40046F05: "in int",  # UBI_IOCSPEB
    0x40084F00: "in s64",  # UBI_IOCVOLUP
    0x40186F40: "inout ubi_attach_req",  # UBI_IOCATT
    0x40044F02: "in ubi_leb_change_req",  # UBI_IOCEBCH
    0x40084F03: "in ubi_map_req",  # UBI_IOCEBMAP
    0x400C6F02: "in ubi_rsvol_req",  # UBI_IOCRSVOL
    0x40104F06: "in ubi_set_vol_prop_req",  # UBI_IOCSETVOLPROP
    # scsi/sg.h
    0x2283: "in int",  # SG_NEXT_CMD_LEN
    0x2271: "in int",  # SG_SET_COMMAND_Q
    0x227E: "in int",  # SG_SET_DEBUG
    0x2279: "in int",  # SG_SET_FORCE_LOW_DMA
    0x227B: "in int",  # SG_SET_FORCE_PACK_ID
    0x2287: "in int",  # SG_SET_KEEP_ORPHAN
    0x2275: "in int",  # SG_SET_RESERVED_SIZE
    0x2201: "in int",  # SG_SET_TIMEOUT
    0x2203: "out int",  # SG_EMULATED_HOST
    0x2270: "out int",  # SG_GET_COMMAND_Q
    0x2288: "out int",  # SG_GET_KEEP_ORPHAN
    0x227A: "out int",  # SG_GET_LOW_DMA
    0x227D: "out int",  # SG_GET_NUM_WAITING
    0x227C: "out int",  # SG_GET_PACK_ID
    0x227F: "out int",  # SG_GET_SG_TABLESIZE
    0x2205: "out int",  # SG_GET_TRANSFORM
    0x2282: "out int",  # SG_GET_VERSION_NUM
    0x2202: "-",  # SG_GET_TIMEOUT
    0x2286: "out sg_req_info",  # SG_GET_REQUEST_TABLE
    # linux/ptp_clock.h
    0x80503D01: "out ptp_clock_caps",  # PTP_CLOCK_GETCAPS
    0x80503D0A: "out ptp_clock_caps",  # PTP_CLOCK_GETCAPS2
    0x40103D02: "in ptp_extts_request",  # PTP_EXTTS_REQUEST
    0x40103D0B: "in ptp_extts_request2",  # PTP_EXTTS_REQUEST2
    0x40043D04: "value hex",  # PTP_ENABLE_PPS
    0x40043D0D: "value hex",  # PTP_ENABLE_PPS2
    0x40603D07: "in ptp_pin",  # PTP_PIN_SETFUNC
    0x40603D10: "in ptp_pin2",  # PTP_PIN_SETFUNC2
    **device_requests.ROWS,
}
_STRUCTS = {"in": Kind.STRUCT_IN, "out": Kind.STRUCT_OUT, "inout": Kind.STRUCT_INOUT}


BY_NAME = ("network_requests",)


def by_name() -> dict[str, str]:
    """The rows of all modules of BY_NAME."""
    found: dict[str, str] = {}
    for module in BY_NAME:
        found |= __import__(f"wiretale.decode.syscalls.{module}", fromlist=[""]).ROWS
    return found


def rows() -> dict[int, str]:
    """All rows by number."""
    named = by_name()
    return {**ROWS, **{request: named[name] for request, name in known.REQUESTS.items() if name in named}}


class ByRequest(Mapping[int, tuple[Arg, ...]]):
    """The arguments by request; `head` are those before it, `own` the requests that have no row."""

    def __init__(self, head: tuple[Arg, ...], own: Mapping[int, tuple[Arg, ...]]) -> None:
        self._head = head
        self._known: dict[int, tuple[Arg, ...] | None] = {r: a for r, a in own.items() if r not in ROWS}
        self._named: dict[str, str] | None = None

    def __getitem__(self, request: int) -> tuple[Arg, ...]:
        if request not in self._known:
            row = self._row(request)
            self._known[request] = _arguments(self._head, row) if row else None
        found = self._known[request]
        if found is None:
            raise KeyError(request)
        return found

    def _row(self, request: int) -> str:
        if request in ROWS:
            return ROWS[request]
        self._named = by_name() if self._named is None else self._named
        return self._named.get(known.REQUESTS.get(request, ""), "")

    def __iter__(self) -> Iterator[int]:
        return iter({**{request: None for request, args in self._known.items() if args is not None}, **rows()})

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _arguments(head: tuple[Arg, ...], row: str) -> tuple[Arg, ...]:
    word, *rest = row.removeprefix("+").split()
    more = row.startswith("+")
    if word == "-":
        return head
    if word == "value":
        return (
            *head,
            Arg("argp" if more else "arg", Kind(rest[0]), constants=rest[1] if len(rest) > 1 else "", more=more),
        )
    if word == "special":
        return (*head, Arg(rest[0], Kind.HEX))
    if word == "string":
        return (*head, Arg("argp", Kind.STRING, more=more))
    if word == "address":
        return (*head, Arg("argp", Kind.POINTER))
    follows = tuple(map(_follow, rest[1:]))
    kind = _STRUCTS[word.removesuffix("!")]
    return (*head, Arg("argp", kind, struct=rest[0], follows=follows, more=more, on_error=word[-1] == "!"))


def _follow(text: str) -> Follow:
    text, _, first = text.partition("?")
    text, _, when = text.partition("~")
    within, _, text = text.rpartition(">")
    found = _element(text)
    return replace(found, within=within, first=ord(first or "\0"), when=when)


def _element(text: str) -> Follow:
    pointer, _, rest = text.partition(":")
    element, _, count = rest.partition("*")
    if element.startswith("strings"):
        return Follow(pointer, int(element.removeprefix("strings")), count, strings=True)
    if element.isdigit():
        return Follow(pointer, int(element), count)
    sizes = {"string": 0, VECTOR: 1}
    size = sizes[element] if element in sizes else struct_size(element, Arch.X86_64)
    return Follow(pointer, size, count, element)
