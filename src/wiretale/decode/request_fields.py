"""Fields of the structures that requests of ioctl take and give, in the words of `struct_fields.py`.

Sources: linux/fs.h, counter.h, rtc.h, userfaultfd.h, loop.h, lirc.h, random.h, ptp_clock.h, fiemap.h, blkpg.h,
mtd/mtd-abi.h, mtd/ubi-user.h, asm/termbits.h.
"""

_MTD_RANGE = "u32 start~x; u32 length~x"
_PTP_EXTTS = "u32 index; u32 flags~|ioctl_ptp_extts"
_PTP_PIN = "char _name[64]; u32 index; u32 func~=ioctl_ptp_pin; u32 chan"

FIELDS: dict[str, str] = {
    # one value
    "long": "long value",
    "ushort": "u16 value",
    "u64": "u64 value",
    "s64": "s64 value",
    "hex32": "u32 value~x",
    "fs_flags": "u32 value~|ioctl_fs_flags",
    "modem": "u32 value~|ioctl_tiocm",
    "rtc_vl": "u32 value~|ioctl_rtc_vl",
    "lirc_mode": "u32 value~=ioctl_lirc_mode",
    "lirc_features": "u32 value~|ioctl_lirc_features",
    "mtd_otp": "u32 value~=ioctl_mtd_otp",
    # files and disks
    "fstrim_range": "u64 start~x; u64 len; u64 minlen",
    "fsxattr": "u32 fsx_xflags~|ioctl_fs_xflags; u32 fsx_extsize; u32 fsx_nextents; u32 fsx_projid~x;"
    " u32 fsx_cowextsize; u8 _pad[8]",
    "fsxattr_set": "u32 fsx_xflags~|ioctl_fs_xflags; u32 fsx_extsize; u32 _nextents; u32 fsx_projid~x;"
    " u32 fsx_cowextsize; u8 _pad[8]",
    "fiemap": "u64 fm_start; u64 fm_length; u32 fm_flags~|ioctl_fiemap; u32 fm_mapped_extents; u32 fm_extent_count;"
    " u32 _pad",
    "fiemap_extent": "u64 fe_logical; u64 fe_physical; u64 fe_length; u64 _reserved64[2];"
    " u32 fe_flags~|ioctl_fiemap_extent; u32 _reserved[3]",
    "block_range": "u64 range[2]",
    "loop_info": "s32 lo_number; ulong lo_device~dev; ulong lo_inode; ulong lo_rdevice~dev; u32 lo_offset~x;"
    " u32 lo_encrypt_type~=ioctl_loop_crypt; u32 lo_encrypt_key_size; u32 lo_flags~|ioctl_loop_flags; char lo_name[64];"
    " char lo_encrypt_key[32]; ulong lo_init[2]~h; u8 reserved[4]~h",
    "loop_info64": "u64 lo_device~dev; u64 lo_inode; u64 lo_rdevice~dev; u64 lo_offset~x; u64 lo_sizelimit;"
    " u32 lo_number; u32 lo_encrypt_type~=ioctl_loop_crypt; u32 lo_encrypt_key_size; u32 lo_flags~|ioctl_loop_flags;"
    " char lo_file_name[64]; char lo_crypt_name[64]; char lo_encrypt_key[32]; u64 lo_init[2]~h",
    "loop_config": "s32 fd~fd; u32 block_size; loop_info64 info; u64 reserved[8]~h",
    # clocks
    "rtc_time": "s32 tm_sec; s32 tm_min; s32 tm_hour; s32 tm_mday; s32 tm_mon; s32 tm_year; s32 tm_wday; s32 tm_yday;"
    " s32 tm_isdst",
    "rtc_wkalrm": "u8 enabled; u8 pending; rtc_time time",
    "rtc_pll_info": "s32 pll_ctrl; s32 pll_value; s32 pll_max; s32 pll_min; s32 pll_posmult; s32 pll_negmult;"
    " long pll_clock",
    "rtc_param": "u64 param~=ioctl_rtc_param; u64 value; u32 index; u32 pad",
    "ptp_clock_caps": "s32 max_adj; s32 n_alarm; s32 n_ext_ts; s32 n_per_out; s32 pps; s32 n_pins;"
    " s32 cross_timestamping; s32 adjust_phase; u32 rsv[12]~?h",
    "ptp_extts_request": f"{_PTP_EXTTS}; u32 _rsv[2]",
    "ptp_extts_request2": f"{_PTP_EXTTS}; u32 rsv[2]~?h",
    "ptp_pin": f"{_PTP_PIN}; u32 _rsv[5]",
    "ptp_pin2": f"{_PTP_PIN}; u32 rsv[5]~?h",
    # userfaultfd
    "uffdio_range": "u64 start~x; u64 len~x",
    "uffdio_api": "u64 api~x; u64 features~|ioctl_uffd_features; u64 ioctls",
    "uffdio_register": "uffdio_range range; u64 mode~|ioctl_uffd_register; u64 ioctls",
    "uffdio_copy": "u64 dst~x; u64 src~x; u64 len~x; u64 mode~|ioctl_uffd_copy; u64 copy~x",
    "uffdio_zeropage": "uffdio_range range; u64 mode~|ioctl_uffd_zeropage; u64 zeropage~x",
    # terminals and sockets
    "termios2": "u32 c_iflag; u32 c_oflag; u32 c_cflag; u32 c_lflag; u8 c_line; u8 c_cc[19]; u32 c_ispeed;"
    " u32 c_ospeed",
    "termio": "u16 c_iflag; u16 c_oflag; u16 c_cflag; u16 c_lflag; u8 c_line; u8 c_cc[8]",
    "bridge_port": "u8 _name[16]; u32 ifr_ifindex~if; u8 _gap[4]; ulong _rest[2]",  # struct ifreq
    "if_name": "char value[16]",
    # others
    "counter_component": "u8 type~=ioctl_counter_type; u8 scope~=ioctl_counter_scope; u8 parent; u8 id",
    "counter_watch": "counter_component component; u8 event~=ioctl_counter_event; u8 channel",
    "erase_info_user": _MTD_RANGE,
    "erase_info_user64": "u64 start~x; u64 length~x",
    "mtd_oob_buf": f"{_MTD_RANGE}; ptr ptr~p",
    "mtd_oob_buf64": "u64 start~x; u32 _pad; u32 length~x; u64 usr_ptr~p",
    "otp_info": f"{_MTD_RANGE}; u32 locked",
    "mtd_write_req": "u64 start~x; u64 len~x; u64 ooblen~x; u64 usr_data~p; u64 usr_oob~p; u8 mode~=ioctl_mtd_ops;"
    " u8 _pad[7]",
    "sg_req_info": "s8 req_state; s8 orphan; s8 sg_io_owned; s8 problem; s32 pack_id; ptr usr_ptr~p;"
    " u32 duration; s32 _unused",
    "mtd_info_user": "u8 type~=ioctl_mtd_type; u32 flags~|ioctl_mtd_flags; u32 size~x; u32 erasesize~x; "
    "u32 writesize~x; u32 oobsize~x; u64 padding~x",
    "mtd_ecc_stats": "u32 corrected~x; u32 failed~x; u32 badblocks~x; u32 bbtblocks~x",
    "region_info_user": "u32 offset~x; u32 erasesize~x; u32 numblocks~x; u32 regionindex~x",
    "ubi_attach_req": "s32 ubi_num; s32 mtd_num; s32 vid_hdr_offset; s16 max_beb_per1024; s8 _pad[10]",
    "ubi_leb_change_req": "s32 lnum; s32 bytes; u8 dtype~=ioctl_ubi_dtype; s8 _pad[7]",
    "ubi_map_req": "s32 lnum; u8 dtype~=ioctl_ubi_dtype; s8 _pad[3]",
    "ubi_rsvol_req": "s64 bytes; s32 vol_id",
    "ubi_set_vol_prop_req": "u8 property~=ioctl_ubi_property; u8 _pad[7]; u64 value~x",
}
PACKED = frozenset({"ubi_leb_change_req", "ubi_map_req", "ubi_rsvol_req", "ubi_set_vol_prop_req"})
