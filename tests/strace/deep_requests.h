/* What the requests of `deep_requests.c` are given: the fields that matter, each with what stands in it. */
#include <linux/bsg.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <scsi/sg.h>
#include <stddef.h>

enum kind { POINTER = 1, COUNT, BITS, ANY, NEGATIVE, LENGTH, LENGTH4, TREE, BYTE, BYTE4, CONTAINER, ROOM };

struct field {
	int at, bytes;
	enum kind kind;
	int has_value;
	uint64_t value;
};

struct request {
	const char *kind;
	uint64_t number;
	int bytes, behind;	/* of the structure; of what lies behind it */
	struct field fields[20];
};

#define F(struct_, member, kind) { offsetof(struct struct_, member), sizeof(((struct struct_ *)0)->member), kind, 0, 0 }
#define IS(struct_, member, value) { offsetof(struct struct_, member), sizeof(((struct struct_ *)0)->member), ANY, 1, value }

static const struct request REQUESTS[] = {
	{ "scsi", SG_IO, sizeof(struct sg_io_hdr), 0, {
		IS(sg_io_hdr, interface_id, 'S'), F(sg_io_hdr, dxfer_direction, NEGATIVE), F(sg_io_hdr, cmd_len, COUNT),
		F(sg_io_hdr, iovec_count, COUNT), F(sg_io_hdr, dxfer_len, COUNT), F(sg_io_hdr, dxferp, POINTER),
		F(sg_io_hdr, cmdp, POINTER), F(sg_io_hdr, sbp, POINTER), F(sg_io_hdr, flags, BITS),
		F(sg_io_hdr, sb_len_wr, COUNT), F(sg_io_hdr, resid, COUNT), F(sg_io_hdr, info, BITS) } },
	{ "scsi", SG_IO, sizeof(struct sg_io_hdr), 0, {
		IS(sg_io_hdr, interface_id, 'S'), F(sg_io_hdr, dxfer_direction, NEGATIVE), F(sg_io_hdr, cmd_len, COUNT),
		IS(sg_io_hdr, iovec_count, 0), F(sg_io_hdr, dxfer_len, COUNT), F(sg_io_hdr, dxferp, POINTER),
		F(sg_io_hdr, cmdp, POINTER), F(sg_io_hdr, sbp, POINTER), F(sg_io_hdr, flags, BITS),
		F(sg_io_hdr, sb_len_wr, COUNT), F(sg_io_hdr, resid, COUNT), F(sg_io_hdr, info, BITS) } },
	{ "scsi", SG_IO, sizeof(struct sg_io_v4), 0, {
		IS(sg_io_v4, guard, 'Q'), F(sg_io_v4, protocol, COUNT), F(sg_io_v4, subprotocol, COUNT),
		F(sg_io_v4, request_len, COUNT), F(sg_io_v4, request, POINTER), F(sg_io_v4, response, POINTER),
		F(sg_io_v4, dout_iovec_count, COUNT), F(sg_io_v4, dout_xfer_len, COUNT), F(sg_io_v4, din_iovec_count, COUNT),
		F(sg_io_v4, din_xfer_len, COUNT), F(sg_io_v4, dout_xferp, POINTER), F(sg_io_v4, din_xferp, POINTER),
		F(sg_io_v4, flags, BITS), F(sg_io_v4, response_len, COUNT), F(sg_io_v4, din_resid, COUNT) } },
	{ "btrfs", BTRFS_IOC_SNAP_CREATE_V2, sizeof(struct btrfs_ioctl_vol_args_v2), 0, {
		F(btrfs_ioctl_vol_args_v2, fd, COUNT), F(btrfs_ioctl_vol_args_v2, flags, BITS),
		F(btrfs_ioctl_vol_args_v2, size, LENGTH), F(btrfs_ioctl_vol_args_v2, qgroup_inherit, POINTER) } },
	{ "btrfs", BTRFS_IOC_SUBVOL_CREATE_V2, sizeof(struct btrfs_ioctl_vol_args_v2), 0, {
		F(btrfs_ioctl_vol_args_v2, fd, COUNT), F(btrfs_ioctl_vol_args_v2, flags, BITS),
		F(btrfs_ioctl_vol_args_v2, size, LENGTH), F(btrfs_ioctl_vol_args_v2, qgroup_inherit, POINTER) } },
	{ "btrfs", BTRFS_IOC_BALANCE_V2, sizeof(struct btrfs_ioctl_balance_args), 0, {
		F(btrfs_ioctl_balance_args, flags, BITS), F(btrfs_ioctl_balance_args, state, BITS),
		F(btrfs_ioctl_balance_args, data.profiles, BITS), F(btrfs_ioctl_balance_args, data.flags, BITS),
		F(btrfs_ioctl_balance_args, meta.pend, ANY), F(btrfs_ioctl_balance_args, sys.vend, ANY) } },
	{ "btrfs", BTRFS_IOC_BALANCE_PROGRESS, sizeof(struct btrfs_ioctl_balance_args), 0, {
		F(btrfs_ioctl_balance_args, flags, BITS), F(btrfs_ioctl_balance_args, state, BITS),
		F(btrfs_ioctl_balance_args, data.flags, BITS), F(btrfs_ioctl_balance_args, meta.limit, ANY) } },
	{ "btrfs", BTRFS_IOC_TREE_SEARCH, sizeof(struct btrfs_ioctl_search_args), 0, {
		F(btrfs_ioctl_search_args, key.tree_id, TREE), F(btrfs_ioctl_search_args, key.min_objectid, TREE),
		F(btrfs_ioctl_search_args, key.max_objectid, TREE), F(btrfs_ioctl_search_args, key.min_offset, ANY),
		F(btrfs_ioctl_search_args, key.max_offset, ANY), F(btrfs_ioctl_search_args, key.min_transid, ANY),
		F(btrfs_ioctl_search_args, key.max_transid, ANY), F(btrfs_ioctl_search_args, key.min_type, BYTE),
		F(btrfs_ioctl_search_args, key.max_type, BYTE), F(btrfs_ioctl_search_args, key.nr_items, COUNT),
		F(btrfs_ioctl_search_args, buf[8], TREE), F(btrfs_ioctl_search_args, buf[24], BYTE4),
		F(btrfs_ioctl_search_args, buf[28], LENGTH4), F(btrfs_ioctl_search_args, key.unused, ANY) } },
	{ "btrfs", BTRFS_IOC_TREE_SEARCH_V2, sizeof(struct btrfs_ioctl_search_args_v2), 160, {
		F(btrfs_ioctl_search_args_v2, key.tree_id, TREE), F(btrfs_ioctl_search_args_v2, key.min_objectid, TREE),
		F(btrfs_ioctl_search_args_v2, key.max_objectid, TREE), F(btrfs_ioctl_search_args_v2, key.max_offset, ANY),
		F(btrfs_ioctl_search_args_v2, key.max_transid, ANY), F(btrfs_ioctl_search_args_v2, key.max_type, BYTE),
		F(btrfs_ioctl_search_args_v2, key.nr_items, COUNT), F(btrfs_ioctl_search_args_v2, buf_size, ROOM),
		F(btrfs_ioctl_search_args_v2, buf[1], TREE), F(btrfs_ioctl_search_args_v2, buf[3], LENGTH) } },
	{ "btrfs", BTRFS_IOC_INO_LOOKUP, sizeof(struct btrfs_ioctl_ino_lookup_args), 0, {
		F(btrfs_ioctl_ino_lookup_args, treeid, TREE), F(btrfs_ioctl_ino_lookup_args, objectid, TREE) } },
	{ "btrfs", BTRFS_IOC_SPACE_INFO, sizeof(struct btrfs_ioctl_space_args), 160, {
		F(btrfs_ioctl_space_args, space_slots, COUNT), F(btrfs_ioctl_space_args, total_spaces, COUNT),
		F(btrfs_ioctl_space_args, spaces[0].flags, BITS), F(btrfs_ioctl_space_args, spaces[1].flags, BITS) } },
	{ "btrfs", BTRFS_IOC_SCRUB, sizeof(struct btrfs_ioctl_scrub_args), 0, {
		F(btrfs_ioctl_scrub_args, start, ANY), F(btrfs_ioctl_scrub_args, end, ANY), F(btrfs_ioctl_scrub_args, flags, BITS) } },
	{ "btrfs", BTRFS_IOC_SCRUB_PROGRESS, sizeof(struct btrfs_ioctl_scrub_args), 0, { F(btrfs_ioctl_scrub_args, end, ANY) } },
	{ "btrfs", BTRFS_IOC_DEV_INFO, sizeof(struct btrfs_ioctl_dev_info_args), 0, { F(btrfs_ioctl_dev_info_args, devid, ANY) } },
	{ "btrfs", BTRFS_IOC_FS_INFO, sizeof(struct btrfs_ioctl_fs_info_args), 0, {
		F(btrfs_ioctl_fs_info_args, csum_type, COUNT), F(btrfs_ioctl_fs_info_args, csum_size, COUNT),
		F(btrfs_ioctl_fs_info_args, flags, BITS) } },
	{ "btrfs", BTRFS_IOC_INO_PATHS, sizeof(struct btrfs_ioctl_ino_path_args), 0, {
		F(btrfs_ioctl_ino_path_args, inum, TREE), IS(btrfs_ioctl_ino_path_args, size, 4096),
		F(btrfs_ioctl_ino_path_args, fspath, CONTAINER) } },
	{ "btrfs", BTRFS_IOC_LOGICAL_INO, sizeof(struct btrfs_ioctl_logical_ino_args), 0, {
		F(btrfs_ioctl_logical_ino_args, logical, TREE), F(btrfs_ioctl_logical_ino_args, size, LENGTH),
		F(btrfs_ioctl_logical_ino_args, flags, BITS), F(btrfs_ioctl_logical_ino_args, inodes, POINTER) } },
	{ "btrfs", BTRFS_IOC_LOGICAL_INO_V2, sizeof(struct btrfs_ioctl_logical_ino_args), 0, {
		F(btrfs_ioctl_logical_ino_args, inodes, POINTER) } },
	{ "btrfs", BTRFS_IOC_SET_RECEIVED_SUBVOL, sizeof(struct btrfs_ioctl_received_subvol_args), 0, {
		F(btrfs_ioctl_received_subvol_args, stime.sec, COUNT), F(btrfs_ioctl_received_subvol_args, rtime.sec, COUNT),
		F(btrfs_ioctl_received_subvol_args, flags, BITS) } },
	{ "btrfs", BTRFS_IOC_SEND, sizeof(struct btrfs_ioctl_send_args), 0, {
		F(btrfs_ioctl_send_args, clone_sources_count, COUNT), F(btrfs_ioctl_send_args, clone_sources, POINTER),
		F(btrfs_ioctl_send_args, parent_root, TREE), F(btrfs_ioctl_send_args, flags, BITS) } },
	{ "btrfs", BTRFS_IOC_GET_DEV_STATS, sizeof(struct btrfs_ioctl_get_dev_stats), 0, {
		F(btrfs_ioctl_get_dev_stats, nr_items, COUNT), F(btrfs_ioctl_get_dev_stats, flags, BITS) } },
	{ "btrfs", BTRFS_IOC_DEV_REPLACE, sizeof(struct btrfs_ioctl_dev_replace_args), 0, {
		F(btrfs_ioctl_dev_replace_args, cmd, COUNT), F(btrfs_ioctl_dev_replace_args, result, COUNT),
		F(btrfs_ioctl_dev_replace_args, status.replace_state, COUNT),
		F(btrfs_ioctl_dev_replace_args, start.cont_reading_from_srcdev_mode, COUNT) } },
	{ "btrfs", BTRFS_IOC_QGROUP_LIMIT, sizeof(struct btrfs_ioctl_qgroup_limit_args), 0, {
		F(btrfs_ioctl_qgroup_limit_args, lim.flags, BITS), F(btrfs_ioctl_qgroup_limit_args, lim.max_rfer, ANY) } },
	{ "btrfs", BTRFS_IOC_GET_SUPPORTED_FEATURES, 3 * sizeof(struct btrfs_ioctl_feature_flags), 0, {
		F(btrfs_ioctl_feature_flags, compat_flags, BITS), F(btrfs_ioctl_feature_flags, incompat_flags, BITS) } },
	{ "btrfs", BTRFS_IOC_GET_FSLABEL, 256, 0, { { 0 } } },
	{ "btrfs", BTRFS_IOC_SET_FSLABEL, 256, 0, { { 0 } } },
	{ "dedupe", FIDEDUPERANGE, sizeof(struct file_dedupe_range), 160, {
		F(file_dedupe_range, src_offset, ANY), F(file_dedupe_range, dest_count, COUNT),
		F(file_dedupe_range, info[0].dest_fd, COUNT), F(file_dedupe_range, info[0].status, NEGATIVE),
		F(file_dedupe_range, info[1].status, COUNT), F(file_dedupe_range, reserved1, COUNT) } },
};
