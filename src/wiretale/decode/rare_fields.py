"""Structures of io_uring_register and perf_event_open, in the words of `struct_fields.py`.

Sources: linux/io_uring.h, perf_event.h.
"""

FIELDS: dict[str, str] = {
    "byte": "u8 value",
    "io_uring_files_update": "u32 offset; u32 resv~x; u64 fds~p",
    "io_uring_rsrc_register": "u32 nr; u32 flags~|ring_resources; u64 resv2~x; u64 data~p; u64 tags~p",
    "io_uring_rsrc_update": "u32 offset; u32 resv~?x; u64 data~x",
    "io_uring_rsrc_update2": "u32 offset; u32 resv~x; u64 data~p; u64 tags~p; u32 nr; u32 resv2~x",
    "io_uring_probe": "u8 last_op~=ring_operation; u8 ops_len; u16 resv~x; u32 resv2[3]~h",
    "io_uring_probe_op": "u8 op~=ring_operation; u8 resv~x; u16 flags~|ring_probed; u32 resv2~x",
    "io_uring_restriction": "u16 opcode~=ring_restriction; u8 op~x; u8 resv~x; u32 resv2[3]~h",
    "io_uring_buf_reg": "u64 ring_addr~p; u32 ring_entries; u16 bgid; u16 pad~?x; u64 resv[3]~?h",
    "perf_attr": "u32 type~=perf_type; u32 size~=perf_size; u64 config; u64 sample_period;"
    " u64 sample_type~|perf_sample; u64 read_format~|perf_format; u64 bits; u32 wakeup_events;"
    " u32 bp_type~=perf_breakpoint; u64 config1~x; u64 config2~x; u64 branch_sample_type~|perf_branch;"
    " u64 sample_regs_user~x; u32 sample_stack_user~x; s32 clockid~=clock; u64 sample_regs_intr~x; u32 aux_watermark;"
    " u16 sample_max_stack; u16 unused_2~x; u32 aux_sample_size; u32 unused_3~x; u64 sig_data~x",
    "perf_query_bpf": "u32 ids_len; u32 prog_cnt",
}
