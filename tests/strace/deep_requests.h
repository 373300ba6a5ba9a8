/* What the requests of `deep_requests.c` are given: the fields that matter, each with what stands in it. */
#include <linux/bsg.h>
#include <scsi/sg.h>
#include <stddef.h>

enum kind { POINTER = 1, COUNT, BITS, ANY, NEGATIVE };

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
	struct field fields[16];
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
};
