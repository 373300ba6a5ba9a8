"""Fields of the structures that requests of ioctl to devices take and give, in the words of `struct_fields.py`.

Sources: linux/gpio.h, hdreg.h, input.h, ptp_clock.h, seccomp.h,
kd.h.
"""

_NAMES = "char name[32]; char consumer[32]"

FIELDS: dict[str, str] = {
    # linux/gpio.h
    "gpio_chip": "char name[32]; char label[32]; u32 lines",
    "gpio_line": f"u32 line_offset; u32 flags~|device_gpio_line; {_NAMES}",
    "gpio_offset": "u32 offset",
    "gpio_handle": "u32 lineoffsets[64]; u32 flags~|device_gpio_handle; u8 default_values[64]; char consumer_label[32];"
    " u32 lines; s32 fd~fd",
    "gpio_event": "u32 lineoffset; u32 handleflags~|device_gpio_handle; u32 eventflags~|device_gpio_event;"
    " char consumer_label[32]; s32 fd~fd",
    "gpio_values": "u8 values[64]",
    "gpio_config": "u32 flags~|device_gpio_handle; u8 default_values[64]; u32 padding[4]",
    "gpio_v2_values": "u64 bits~x; u64 mask~x",
    "gpio_v2_asked_values": "u64 bits~x; u64 mask~x",
    "gpio_v2_attribute": "u32 id; u32 padding~x; u64 data~x",
    "gpio_v2_config_attribute": "gpio_v2_attribute attr; u64 mask~x",
    "gpio_v2_config": "u64 flags~|device_gpio_v2_line; u32 num_attrs; u32 padding[5]~h;"
    " gpio_v2_config_attribute attrs[10]",
    "gpio_v2_request": "u32 offsets[64]; char consumer[32]; gpio_v2_config config; u32 num_lines;"
    " u32 event_buffer_size; u32 padding[5]~h; s32 fd~fd",
    "gpio_v2_line": f"{_NAMES}; u32 offset; u32 num_attrs; u64 flags~|device_gpio_v2_line; gpio_v2_attribute attrs[10];"
    " u32 padding[4]~h",
    # linux/hdreg.h
    "hd_geometry": "u8 heads; u8 sectors; u16 cylinders; ulong start",
    "hd_command": "u8 command; u8 sector_number; u8 feature; u8 sector_count; u8 _buf[4092]",
    "hd_three": "u32 values[3]~h",
    "hd_old_identity": "char value[142]",
    "hd_identity": "char value[512]",
    "hd_nice": "ulong value",
    "hd_bus_state": "ulong value~=device_bus_state",
    # linux/input.h
    "evdev_any": "char value[512]",
    "evdev_id": "u16 bustype; u16 vendor; u16 product; u16 version",
    "evdev_pair": "u32 values[2]",
    "evdev_key": "u32 index; u32 keycode~=device_input_key",
    "evdev_keymap": "u8 flags; u8 len; u16 index; u32 keycode~=device_input_key; u8 scancode[32]~h",
    "evdev_absinfo": "u32 value; u32 minimum; u32 maximum; u32 fuzz; u32 flat; u32 resolution",
    "evdev_trigger": "u16 button; u16 interval",
    "evdev_replay": "u16 length; u16 delay",
    "evdev_envelope": "u16 attack_length; u16 attack_level; u16 fade_length; u16 fade_level~x",
    "evdev_constant": "s16 level; evdev_envelope envelope",
    "evdev_ramp": "s16 start_level; s16 end_level; evdev_envelope envelope",
    "evdev_periodic": "u16 waveform; u16 period; s16 magnitude; s16 offset; u16 phase; evdev_envelope envelope;"
    " u32 custom_len; ptr custom_data~p",
    "evdev_rumble": "u16 strong_magnitude; u16 weak_magnitude",
    "evdev_effect": "u16 type~=device_input_ff; s16 id; u16 direction; evdev_trigger trigger; evdev_replay replay;"
    " evdev_periodic periodic",
    # linux/ptp_clock.h
    "ptp_time": "s64 sec; u32 nsec; u32 reserved~x",
    "ptp_periodic": "ptp_time start; ptp_time period; u32 index; u32 flags~|ioctl_ptp_perout; u32 rsv[4]~h",
    "ptp_periodic2": "ptp_time start; ptp_time period; u32 index; u32 flags~|ioctl_ptp_perout; u32 rsv[4]~h",
    "ptp_samples": "u32 n_samples; u32 rsv[3]~h; ptp_time ts[51]",
    "ptp_triples": "u32 n_samples; u32 rsv[3]~h; ptp_time ts[75]",
    "ptp_precise": "ptp_time device; ptp_time sys_realtime; ptp_time sys_monoraw; u32 rsv[4]~h",
    "ptp_named_pin": "char name[64]; u32 index; u32 func~=ioctl_ptp_pin; u32 chan; u32 rsv[5]~h",
    "ptp_named_pin2": "char name[64]; u32 index; u32 func~=ioctl_ptp_pin; u32 chan; u32 rsv[5]~h",
    # linux/random.h, scsi/sg.h, mtd/ubi-user.h
    "other_random": "s32 entropy_count; s32 buf_size; u8 _buf[4088]",
    "sg_io": "u32 interface_id; u32 dxfer_direction~=device_sg_direction; u8 cmd_len; u8 mx_sb_len; u16 iovec_count;"
    " u32 dxfer_len; ptr dxferp~p; ptr cmdp~p; ptr sbp~p; u32 timeout; u32 flags~|device_sg_flags; s32 _pack_id;"
    " ptr _usr_ptr; u8 status~x; u8 masked_status~x; u8 msg_status~x; u8 sb_len_wr; u16 host_status~x;"
    " u16 driver_status~x; s32 resid; u32 duration; u32 info~|device_sg_info",
    # linux/bsg.h
    "sg_io_v4": "u32 guard; u32 protocol~=device_bsg_protocol; u32 subprotocol~=device_bsg_subprotocol;"
    " u32 request_len; u64 request~p; u64 request_tag~x; u32 request_attr; u32 request_priority; u32 request_extra;"
    " u32 max_response_len;"
    " u64 response~p; u32 dout_iovec_count; u32 dout_xfer_len; u32 din_iovec_count; u32 din_xfer_len; u64 dout_xferp~p;"
    " u64 din_xferp~p; u32 timeout; u32 flags~|device_bsg_flags; u64 usr_ptr~x; u32 _spare_in; u32 driver_status~x;"
    " u32 transport_status~x; u32 device_status~x; u32 retry_delay; u32 info~|device_sg_info; u32 duration;"
    " u32 response_len; s32 din_resid; s32 dout_resid; u64 generated_tag~x; u32 _spare_out; u32 _padding",
    "other_scsi_id": "s32 host_no; s32 channel; u32 scsi_id~x; s32 lun; u32 scsi_type~x; s16 h_cmd_per_lun;"
    " s16 d_queue_depth; s32 _unused[2]",
    "other_reset": "u32 value~=device_scsi_reset",
    "other_new_volume": "s32 vol_id; s32 alignment; s64 bytes; u8 vol_type~=device_ubi_type;"
    " u8 flags~|device_ubi_flags; s16 name_len; s8 _pad[4]; char name[128]",
    "other_rename": "s32 vol_id; s16 name_len; s8 _pad[2]; char name[128]",
    "other_renamed": "s32 count; s8 _pad[12]; other_rename ents[32]",
    # linux/kd.h
    "kd_colours": "char value[48]",
    "kd_font": "char value[8192]",
    "kd_map": "char value[256]",
    "kd_unicode_map": "u16 value[256]",
    "kd_accents": "u32 kb_cnt; u8 _kbdiacr[768]",
    "kd_wide_accents": "u32 kb_cnt; u32 _kbdiacruc[768]",
    "kd_entry": "u8 kb_table; u8 kb_index; u16 kb_value",
    "kd_given_entry": "u8 kb_table; u8 kb_index; u16 kb_value",
    "kd_string": "u8 kb_func; char kb_string[512]",
    "kd_given_string": "u8 kb_func; char kb_string[512]",
    "kd_code": "u32 scancode~x; u32 keycode~x",
    "kd_repeat": "s32 delay; s32 period",
    "kd_old_font": "u16 charcount; u16 charheight; ptr chardata~p",
    "kd_font_op": "u32 op~=device_kd_font; u32 flags~|device_kd_font_flags; u32 width; u32 height; u32 charcount;"
    " ptr data~p",
    "kd_pairs": "u16 entry_ct; ptr entries~p",
    "kd_pair": "u16 unicode~x; u16 fontpos~x",
    "kd_clear": "u16 advised_hashsize; u16 advised_hashstep; u16 advised_hashlevel",
    "kd_leds": "u8 value",
    "kd_lock_leds": "u8 value",
    "kd_type": "u8 value~=ioctl_kd_type",
    "kd_screen_mode": "u32 value~=ioctl_kd_mode",
    "kd_keyboard_mode": "s32 value",
    "kd_meta": "u32 value~=ioctl_kd_meta",
    # linux/seccomp.h
    "seccomp_call": "u32 nr; u32 arch~=audit_arch; u64 instruction_pointer~p; u64 args[6]~h",
    "seccomp_notice": "u64 id~x; s32 pid~pid; u32 flags~x; seccomp_call data",
    "seccomp_answer": "u64 id~x; s64 val; s32 error; u32 flags~|device_seccomp_answer",
    "seccomp_descriptor": "u64 id~x; u32 flags~|device_seccomp_descriptor; s32 srcfd~fd; s32 newfd;"
    " u32 newfd_flags~|open_flags",
    "seccomp_id": "u64 value~x",
    # disks and flash memory: linux/blkpg.h, blktrace_api.h, mtd/mtd-abi.h
    "disk_change": "s32 op~=ioctl_blkpg; s32 flags; s32 datalen; ptr data~p",
    "disk_partition": "s64 start; s64 length; s32 pno; char devname[64]; char volname[64]",
    "disk_trace": "char name[32]; u16 act_mask; u32 buf_size; u32 buf_nr; u64 start_lba; u64 end_lba; s32 pid~pid",
    "disk_label": "char label[256]",
    "disk_out_of_band": "u32 useecc~=ioctl_mtd_nandecc; u32 eccbytes~x; u32 oobfree[16]~h; u32 eccpos[32]~h",
    "disk_free": "u32 offset~x; u32 length~x",
    "disk_layout": "u32 eccbytes~x; u32 eccpos[64]~h; u32 oobavail~x; disk_free oobfree[8]",
    "other_byte": "u8 value",
    # virtual machines: linux/kvm.h, asm/kvm.h
    "kvm_memory": "u32 slot; u32 flags~|device_kvm_memory; u64 guest_phys_addr~x; u64 memory_size;"
    " u64 userspace_addr~x",
    "kvm_regs": "u64 rax~x; u64 rbx~x; u64 rcx~x; u64 rdx~x; u64 rsi~x; u64 rdi~x; u64 rsp~x; u64 rbp~x; u64 r8~x;"
    " u64 r9~x; u64 r10~x; u64 r11~x; u64 r12~x; u64 r13~x; u64 r14~x; u64 r15~x; u64 rip~x; u64 rflags~x",
    "kvm_segment": "u64 base~x; u32 limit; u16 selector; u8 type; u8 present; u8 dpl; u8 db; u8 s; u8 l; u8 g; u8 avl;"
    " u8 _unusable; u8 _padding",
    "kvm_dtable": "u64 base~x; u16 limit; u16 _padding[3]",
    "kvm_sregs": "kvm_segment cs; kvm_segment ds; kvm_segment es; kvm_segment fs; kvm_segment gs; kvm_segment ss;"
    " kvm_segment tr; kvm_segment ldt; kvm_dtable gdt; kvm_dtable idt; u64 cr0; u64 cr2; u64 cr3; u64 cr4; u64 cr8;"
    " u64 efer; u64 apic_base~x; u64 interrupt_bitmap[4]~h",
    "kvm_cpuid": "u32 nent; u32 _padding",
    "kvm_asked_cpuid": "u32 nent; u32 _padding",
    "kvm_entry": "u32 function~x; u32 index~x; u32 flags~|device_kvm_cpuid; u32 eax~x; u32 ebx~x; u32 ecx~x; u32 edx~x;"
    " u32 _padding[3]",
    # trusted execution: linux/tee.h
    "tee_version": "u32 impl_id~=device_tee_implementation; u32 impl_caps; u32 gen_caps~|device_tee_general",
    "tee_memory": "u64 size~x; u32 flags~|device_tee_memory; s32 id",
    "tee_given_memory": "u64 addr~p; u64 length~x; u32 flags~|device_tee_memory; s32 id",
    "tee_descriptor": "s32 fd~fd; u32 _pad; u64 size~x; u32 flags~|device_tee_memory; u32 _gap; s32 id; u32 _rest",
    "tee_cancel": "u32 cancel_id; u32 session~x",
    "tee_close": "u32 session~x",
    **dict.fromkeys(("tee_session", "tee_invocation", "tee_received", "tee_sent"), "u64 buf_ptr~p; u64 buf_len"),
    "tee_open": "u8 uuid[16]; u8 clnt_uuid[16]~h; u32 clnt_login~=device_tee_login; u32 cancel_id;"
    " u32 session~x; u32 ret; u32 ret_origin; u32 num_params",
    "tee_invoke": "u32 func; u32 session~x; u32 cancel_id; u32 ret; u32 ret_origin; u32 num_params",
    "tee_receive": "u32 func; u32 num_params",
    "tee_send": "u32 ret; u32 num_params",
    "tee_parameter": "u64 attr~x; u64 a~x; u64 b~x; u64 c~x",
    # linux/dm-ioctl.h; behind the head lie `data_size` bytes in all
    "dm_request": "u32 version[3]; u32 data_size; u32 data_start; u32 target_count; s32 open_count;"
    " u32 flags~|device_dm; u32 event_nr; u32 _padding; u64 dev; char name[128]; char uuid[129]; u8 _data[16079]",
    "dm_target_spec": "u64 sector_start; u64 length; s32 status; u32 next; char target_type[16]",
    "dm_name_list": "u64 dev; u32 next",
    "dm_target_versions": "u32 next; u32 version[3]",
    "dm_target_deps": "u32 count; u32 _padding",
    "dm_device": "u64 dev",
    "dm_target_msg": "u64 sector",
    # linux/btrfs.h
    "btrfs_volume": "s64 fd; char name[4088]",
    "btrfs_flags": "u64 value~|device_btrfs_subvolume",
    "btrfs_qgroup_create": "u64 create; u64 qgroupid",
    "btrfs_qgroup_assign": "u64 assign; u64 src; u64 dst",
    "btrfs_clone_range": "s64 src_fd; u64 src_offset; u64 src_length; u64 dest_offset",
    "btrfs_defrag_range": "u64 start; u64 len; u64 flags~|device_btrfs_defragment; u32 extent_thresh;"
    " u32 compress_type~=device_btrfs_compress; u32 _unused[4]",
    "btrfs_quota_ctl": "u64 cmd~=device_btrfs_quota; u64 _status",
    "btrfs_quota_rescan": "u64 flags; u64 _progress; u64 _reserved[6]",
    "btrfs_quota_status": "u64 flags; u64 progress; u64 _reserved[6]",
    "btrfs_features": "u64 compat_flags~|device_btrfs_compat; u64 compat_ro_flags~|device_btrfs_read_only;"
    " u64 incompat_flags~|device_btrfs_incompat",
    "btrfs_features_set": "btrfs_features wanted; btrfs_features mask",
    "btrfs_supported": "btrfs_features supported; btrfs_features safe_set; btrfs_features safe_clear",
    "btrfs_limit": "u64 flags~|device_btrfs_limit; u64 max_rfer; u64 max_excl; u64 rsv_rfer; u64 rsv_excl",
    "btrfs_qgroup_limit": "u64 qgroupid; btrfs_limit lim",
    "btrfs_inherit": "u64 flags~|device_btrfs_inherit; u64 num_qgroups; u64 num_ref_copies; u64 num_excl_copies;"
    " btrfs_limit lim",
    "btrfs_volume_v2": "s64 fd; u64 transid; u64 flags~|device_btrfs_subvolume; u64 size; u64 qgroup_inherit~p;"
    " u64 _unused[2]; char name[4040]",
    "btrfs_balance_args": "u64 profiles~|device_btrfs_group; u64 usage; u64 devid; u64 pstart; u64 pend; u64 vstart;"
    " u64 vend; u64 target; u64 flags~|device_btrfs_balance_args; u64 _limit; u32 _stripes_min; u32 _stripes_max;"
    " u64 _unused[6]",
    "btrfs_balance_progress": "u64 expected; u64 considered; u64 completed",
    "btrfs_balance": "u64 flags~|device_btrfs_balance_flags; u64 state~|device_btrfs_balance_state;"
    " btrfs_balance_args data; btrfs_balance_args meta; btrfs_balance_args sys; btrfs_balance_progress stat;"
    " u64 _unused[72]",
    "btrfs_key": "u64 tree_id; u64 min_objectid; u64 max_objectid; u64 min_offset; u64 max_offset; u64 min_transid;"
    " u64 max_transid; u32 min_type; u32 max_type; u32 nr_items; u32 _unused[9]",
    "btrfs_search": "btrfs_key key; u8 buf[3992]",
    "btrfs_search_v2": "btrfs_key key; u64 buf_size",
    "btrfs_search_header": "u64 transid; u64 objectid; u64 offset; u32 type; u32 len",
    "btrfs_ino_lookup": "u64 treeid; u64 objectid; char name[4080]",
    "btrfs_space": "u64 flags~|device_btrfs_group; u64 total_bytes; u64 used_bytes",
    "btrfs_spaces": "u64 space_slots; u64 total_spaces",
    "btrfs_scrub_progress": "u64 data_extents_scrubbed; u64 tree_extents_scrubbed; u64 data_bytes_scrubbed;"
    " u64 tree_bytes_scrubbed; u64 read_errors; u64 csum_errors; u64 verify_errors; u64 no_csum; u64 csum_discards;"
    " u64 super_errors; u64 malloc_errors; u64 uncorrectable_errors; u64 corrected_errors; u64 last_physical;"
    " u64 unverified_errors",
    "btrfs_scrub": "u64 devid; u64 start; u64 end; u64 flags~|device_btrfs_scrub; btrfs_scrub_progress progress;"
    " u64 _unused[109]",
    "btrfs_device": "u64 devid; u8 uuid[16]; u64 bytes_used; u64 total_bytes; u64 _unused[379]; char path[1024]",
    "btrfs_file_system": "u64 max_id; u64 num_devices; u8 fsid[16]; u32 nodesize; u32 sectorsize; u32 clone_alignment;"
    " u16 csum_type~=device_btrfs_checksum; u16 csum_size; u64 flags~|device_btrfs_info; u64 generation;"
    " u8 metadata_uuid[16]; u8 _reserved[944]",
    "btrfs_ino_paths": "u64 inum; u64 size; u64 reserved[4]; u64 fspath~p",
    "btrfs_logical_ino": "u64 logical; u64 size; u64 reserved[3]; u64 flags~|device_btrfs_logical; u64 inodes~p",
    "btrfs_container": "u32 bytes_left; u32 bytes_missing; u32 elem_cnt; u32 elem_missed",
    "btrfs_time": "u64 sec; u32 nsec",
    "btrfs_received": "u8 uuid[16]; u64 stransid; u64 rtransid; btrfs_time stime; btrfs_time rtime; u64 flags;"
    " u64 _reserved[16]",
    "btrfs_send": "s64 send_fd; u64 clone_sources_count; ptr clone_sources~p; u64 parent_root;"
    " u64 flags~|device_btrfs_send; u32 _version; u8 _reserved[28]",
    "btrfs_device_errors": "u64 devid; u64 nr_items; u64 flags~|device_btrfs_errors; u64 values[5]; u64 _unused[121]",
    "btrfs_replaced": "u64 cmd~=device_btrfs_replace; u64 result~=device_btrfs_replaced; u8 _union[2072];"
    " u64 _spare[64]",
    "btrfs_replace_start": "u64 cmd; u64 result; u64 srcdevid; u64 cont_reading_from_srcdev_mode~=device_btrfs_reading;"
    " char srcdev_name[1025]; char tgtdev_name[1025]",
    "btrfs_replace_status": "u64 cmd; u64 result; u64 replace_state~=device_btrfs_replacing; u64 progress_1000;"
    " u64 time_started; u64 time_stopped; u64 num_write_errors; u64 num_uncorrectable_read_errors",
    # linux/fs.h
    "btrfs_dedupe": "u64 src_offset; u64 src_length; u16 dest_count; u16 _reserved1; u32 _reserved2",
    "btrfs_dedupe_info": "s64 dest_fd; u64 dest_offset; u64 bytes_deduped; s32 status; u32 _reserved",
}
