"""Fields of the members of union bpf_attr (linux/bpf.h), one structure for each, in the words of `struct_fields.py`."""

_ID = "u32 next_id; u32 open_flags~|kernel_bpf_open"
_BATCH = "u32 count; s32 map_fd~fd; u64 elem_flags~|kernel_bpf_element; u64 flags~x"

FIELDS: dict[str, str] = {
    "bpf_map_create": "u32 map_type~=kernel_bpf_map; u32 key_size; u32 value_size; u32 max_entries;"
    " u32 map_flags~|kernel_bpf_map_flags; s32 inner_map_fd~fd; u32 numa_node; char map_name[16];"
    " u32 map_ifindex~if; s32 btf_fd~fd; u32 btf_key_type_id; u32 btf_value_type_id; u32 btf_vmlinux_value_type_id;"
    " u64 map_extra",
    "bpf_element": "s32 map_fd~fd; u64 key~p; u64 value~p; u64 flags~|kernel_bpf_element",
    "bpf_next_key": "s32 map_fd~fd; u64 key~p; u64 next_key~p; u64 _flags",
    "bpf_batch": f"u64 in_batch~p; u64 out_batch~p; u64 keys~p; u64 values~p; {_BATCH}",
    "bpf_prog_load": "u32 prog_type~=kernel_bpf_program; u32 insn_cnt; u64 insns~p; u64 license~p; u32 log_level;"
    " u32 log_size; u64 log_buf~p; u32 kern_version; u32 prog_flags~|kernel_bpf_program_flags; char prog_name[16];"
    " u32 prog_ifindex~if; u32 expected_attach_type~=kernel_bpf_attach; s32 prog_btf_fd~fd; u32 func_info_rec_size;"
    " u64 func_info~p; u32 func_info_cnt; u32 line_info_rec_size; u64 line_info~p; u32 line_info_cnt;"
    " u32 attach_btf_id; s32 attach_prog_fd~fd; u32 _core_relo_cnt; u64 fd_array~p",
    "bpf_object": "u64 pathname~p; s32 bpf_fd~fd; u32 file_flags~|kernel_bpf_open",
    "bpf_attach": "s32 target_fd~fd; s32 attach_bpf_fd~fd; u32 attach_type~=kernel_bpf_attach;"
    " u32 attach_flags~|kernel_bpf_attach_flags; s32 replace_bpf_fd~fd",
    "bpf_detach": "s32 target_fd~fd; u32 _attach_bpf_fd; u32 attach_type~=kernel_bpf_attach",
    "bpf_test_run": "s32 prog_fd~fd; u32 retval; u32 data_size_in; u32 data_size_out; u64 data_in~p; u64 data_out~p;"
    " u32 repeat; u32 duration; u32 ctx_size_in; u32 ctx_size_out; u64 ctx_in~p; u64 ctx_out~p;"
    " u32 flags~|kernel_bpf_test; u32 cpu; u32 batch_size",
    "bpf_start_id": f"u32 start_id; {_ID}",
    "bpf_prog_id": f"u32 prog_id; {_ID}",
    "bpf_map_id": f"u32 map_id; {_ID}",
    "bpf_btf_id": "u32 btf_id",
    "bpf_link_id": "u32 link_id",
    "bpf_info": "s32 bpf_fd~fd; u32 info_len; u64 info~p",
    "bpf_map_info": "u32 type~=kernel_bpf_map; u32 id; u32 key_size; u32 value_size; u32 max_entries;"
    " u32 map_flags~|kernel_bpf_map_flags; char name[16]; u32 ifindex~if; u32 btf_vmlinux_value_type_id;"
    " u64 netns_dev~dev; u64 netns_ino; u32 btf_id; u32 btf_key_type_id; u32 btf_value_type_id",
    "bpf_prog_info": "u32 type~=kernel_bpf_program; u32 id; u8 tag[8]; u32 jited_prog_len; u32 xlated_prog_len;"
    " u64 jited_prog_insns~p; u64 xlated_prog_insns~p; u64 load_time; u32 created_by_uid; u32 nr_map_ids;"
    " u64 map_ids~p; char name[16]; u32 ifindex~if; u32 gpl_compatible; u64 netns_dev~dev; u64 netns_ino;"
    " u32 nr_jited_ksyms; u32 nr_jited_func_lens; u64 jited_ksyms~p; u64 jited_func_lens~p; u32 btf_id;"
    " u32 func_info_rec_size; u64 func_info~p; u32 nr_func_info; u32 nr_line_info; u64 line_info~p;"
    " u64 jited_line_info~p; u32 nr_jited_line_info; u32 line_info_rec_size; u32 jited_line_info_rec_size;"
    " u32 nr_prog_tags; u64 prog_tags~p; u64 run_time_ns; u64 run_cnt; u64 recursion_misses; u32 verified_insns",
    "bpf_query": "s32 target_fd~fd; u32 attach_type~=kernel_bpf_attach; u32 query_flags~|kernel_bpf_query;"
    " u32 attach_flags~|kernel_bpf_attach_flags; u64 prog_ids~p; u32 prog_cnt",
    "bpf_tracepoint": "u64 name~p; s32 prog_fd~fd",
    "bpf_btf_load": "u64 btf~p; u64 btf_log_buf~p; u32 btf_size; u32 btf_log_size; u32 btf_log_level",
    "bpf_task_query": "s32 pid~pid; s32 fd~fd; u32 flags; u32 buf_len; u64 buf~p; u32 prog_id;"
    " u32 fd_type~=kernel_bpf_task_fd; u64 probe_offset~x; u64 probe_addr~x",
    "bpf_map": "s32 map_fd~fd",
    "bpf_link_create": "s32 prog_fd~fd; s32 target_fd~fd; u32 attach_type~=kernel_bpf_attach; u32 flags~x;"
    " u64 _iter_info; u32 _iter_info_len; u8 _rest[20]",
    "bpf_link_update": "s32 link_fd~fd; s32 new_prog_fd~fd; u32 flags~|kernel_bpf_attach_flags; s32 old_prog_fd~fd",
}
