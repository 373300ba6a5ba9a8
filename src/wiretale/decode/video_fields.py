"""Structures of requests to cameras, tuners and other video devices, in the words of `struct_fields.py`.

Source: linux/videodev2.h. A structure is named as there, without `v4l2_`; what begins with `asked_` and the like is one
that is read at other times.
"""

_FORMAT = "u32 type~=device_v4l2_type; u32 _pad; u64 fmt[25]~h"
_PARM = "u32 type~=device_v4l2_type; u8 _parm[200]"
_BUFFER = (
    "u32 index; u32 type~=device_v4l2_type; u32 bytesused; u32 flags; u32 field; timeval timestamp; u32 _timecode[4];"
    " u32 sequence; u32 memory~=device_v4l2_memory; ptr m~x; u32 length; u32 _reserved[2]"
)
_TUNER = (
    "u32 index; char name[32]; u32 type~=device_v4l2_tuner; u32 capability~|device_v4l2_tuner_cap; u32 rangelow;"
    " u32 rangehigh; u32 rxsubchans~|device_v4l2_tuner_sub; u32 audmode~=device_v4l2_tuner_mode; s32 signal; s32 afc;"
    " u32 _reserved[4]"
)
_CONTROLS = "u32 ctrl_class~=device_v4l2_class; u32 count; u32 error_idx; s32 request_fd; u32 _reserved; ptr controls~p"

FIELDS: dict[str, str] = {
    "video_rect": "s32 left; s32 top; u32 width; u32 height",
    "video_capability": "char driver[16]; char card[32]; char bus_info[32]; u32 version;"
    " u32 capabilities~|device_v4l2_cap; u32 device_caps~|device_v4l2_cap; u32 _reserved[3]",
    "video_fmtdesc": "u32 index; u32 type~=device_v4l2_type; u32 flags~|device_v4l2_format_flags; char description[32];"
    " u32 pixelformat; u32 mbus_code~x; u32 _reserved[3]",
    "video_requestbuffers": "u32 count; u32 type~=device_v4l2_type; u32 memory~=device_v4l2_memory; u32 _capabilities;"
    " u32 _flags",
    "video_format": _FORMAT,
    "video_asked_format": _FORMAT,
    "video_create_buffers": "u32 index; u32 count; u32 memory~=device_v4l2_memory; video_format format; u32 _rest[8]",
    # the members of struct v4l2_format
    "video_pix": "u32 width; u32 height; u32 pixelformat; u32 field~=device_v4l2_field; u32 bytesperline;"
    " u32 sizeimage; u32 colorspace~=device_v4l2_colorspace",
    "video_plane": "u32 sizeimage; u32 bytesperline; u16 _reserved[6]",
    "video_pix_mp": "u32 width; u32 height; u32 pixelformat; u32 field~=device_v4l2_field;"
    " u32 colorspace~=device_v4l2_colorspace; video_plane plane_fmt[8]; u8 num_planes",
    "video_win": "video_rect w; u32 field~=device_v4l2_field; u32 chromakey~x; ptr clips~p; u32 clipcount;"
    " ptr bitmap~p; u8 global_alpha~x",
    "video_clip": "video_rect c; ptr next~p",
    "video_vbi": "u32 sampling_rate; u32 offset; u32 samples_per_line; u32 sample_format; s32 start[2]; u32 count[2];"
    " u32 flags~|device_v4l2_vbi",
    "video_sliced": "u16 service_set~|device_v4l2_sliced; u16 service_lines[48]; u32 io_size",
    "video_sdr": "u32 pixelformat; u32 buffersize",
    "video_meta": "u32 dataformat; u32 buffersize",
    "video_buffer": _BUFFER,
    "video_done_buffer": _BUFFER,
    "video_framebuffer": "u32 capability~x; u32 flags~x; ptr base~p; u32 _fmt[8]",
    "video_type": "u32 value~=device_v4l2_type",
    "video_std": "u64 value~x",
    "video_index": "u32 value",
    "video_parm": _PARM,
    "video_asked_parm": _PARM,
    "video_captureparm": "u32 capability~|device_v4l2_parm; u32 capturemode~|device_v4l2_mode; u32 timeperframe[2];"
    " u32 extendedmode; u32 readbuffers",
    "video_outputparm": "u32 capability~|device_v4l2_parm; u32 outputmode~|device_v4l2_mode; u32 timeperframe[2];"
    " u32 extendedmode; u32 writebuffers",
    "video_standard": "u32 index; u64 id~x; char name[24]; u32 frameperiod[2]; u32 framelines; u32 _reserved[4]",
    "video_input": "u32 index; char name[32]; u32 type~=device_v4l2_input; u32 _audioset; u32 _tuner; u64 _std;"
    " u32 _rest[5]",
    "video_control": "u32 id; s32 value",
    "video_asked_control": "u32 id; s32 value",
    "video_tuner": _TUNER,
    "video_asked_tuner": _TUNER,
    "video_queryctrl": "u32 id; u32 type~=device_v4l2_control; char name[32]; s32 minimum; s32 maximum; s32 step;"
    " s32 default_value; u32 flags~|device_v4l2_control_flags; u32 reserved[2]~h",
    "video_query_ext_ctrl": "u32 id; u32 type~=device_v4l2_control; char name[32]; s64 minimum; s64 maximum; u64 step;"
    " s64 default_value; u32 flags~|device_v4l2_control_flags; u32 elem_size; u32 elems; u32 nr_of_dims; u32 dims[4];"
    " u32 reserved[32]~h",
    "video_crop": "u32 type~=device_v4l2_type; video_rect c",
    "video_asked_crop": "u32 type~=device_v4l2_type; video_rect c",
    "video_cropcap": "u32 type~=device_v4l2_type; video_rect bounds; video_rect defrect; u32 pixelaspect[2]",
    "video_controls": _CONTROLS,
    "video_asked_controls": _CONTROLS,
    "video_frmsizeenum": "u32 index; u32 pixel_format; u32 type~=device_v4l2_size; u32 size[6]; u32 _reserved[2]",
    "video_frmivalenum": "u32 index; u32 pixel_format; u32 width; u32 height; u32 type~=device_v4l2_interval;"
    " u32 interval[6]; u32 _reserved[2]",
}
