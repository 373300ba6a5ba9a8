"""Regenerate src/wiretale/decode/constants/netlink.py from the kernel's headers (linux-libc-dev).

Most netlink constants are enumerators, so their names are found in the preprocessed header and the C compiler says
their values. A table of its own, because only few programs speak netlink: the module is loaded when one does.
"""

import os
import re
import subprocess
import tempfile
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/wiretale/decode/constants/netlink.py"
HEADERS = (
    "sys/socket.h linux/netlink.h linux/rtnetlink.h linux/if_link.h linux/if_addr.h linux/neighbour.h linux/fib_rules.h"
    " linux/inet_diag.h linux/unix_diag.h linux/packet_diag.h linux/netlink_diag.h linux/sock_diag.h linux/genetlink.h"
    " netinet/ip.h linux/pkt_sched.h linux/gen_stats.h linux/netconf.h"
)
TABLES = {  # table: (pattern of names, left out, what strace says of a value without a name)
    "nl_msg": (r"NLMSG_(NOOP|ERROR|DONE|OVERRUN)", "", "NLMSG_???"),
    "nl_flags": (r"NLM_F_(REQUEST|MULTI|ACK|ECHO|DUMP_INTR|DUMP_FILTERED)", "", "NLM_F_???"),
    "nl_flags_get": (r"NLM_F_(DUMP|ROOT|MATCH|ATOMIC)", "", "NLM_F_???"),
    "nl_flags_new": (r"NLM_F_(REPLACE|EXCL|CREATE|APPEND)", "", "NLM_F_???"),
    "nl_flags_delete": (r"NLM_F_NONREC|NLM_F_BULK", "", "NLM_F_???"),
    "nl_flags_ack": (r"NLM_F_(CAPPED|ACK_TLVS)", "", "NLM_F_???"),
    "nl_rtm": (r"RTM_(NEW|DEL|GET|SET)\w+", "", "RTM_???"),
    "nl_ifla": (r"IFLA_[A-Z]\w*", r"IFLA_(BR_|BRPORT_|INFO_|BOND_|VLAN_|VXLAN_|GENEVE_|MACVLAN_|MACSEC_|IPVLAN_|VF_|PORT_"
                r"|INET_|INET6_|XDP_|HSR_|STATS_|IPOIB_|CAN_|TUN_|RMNET_|XFRM_|MCTP_|PPP_|GTP_|BAREUDP_|EVENT_|OFFLOAD_|AF_"
                r"SPEC_|BRIDGE_|VTI_|IPTUN_|GRE_|SLAVE_|AMT_|VRF_|DSA_|NETKIT_|DPLL_)\w*", "IFLA_???"),
    "nl_ifla_inet6": (r"IFLA_INET6_\w+", "", "IFLA_INET6_???"),
    "nl_ifla_xdp": (r"IFLA_XDP_[A-Z]+\w*", "", "IFLA_XDP_???"),
    "nl_ifla_info": (r"IFLA_INFO_\w+", "", "IFLA_INFO_???"),
    "nl_ifa": (r"IFA_[A-Z]\w*", r"IFA_F_\w+", "IFA_???"),
    "nl_ifa_flags": (r"IFA_F_\w+", r"IFA_F_TEMPORARY", "IFA_F_???"),
    "nl_rta": (r"RTA_[A-Z]\w*", r"RTA_(ALIGNTO)", "RTA_???"),
    "nl_nda": (r"NDA_[A-Z]\w*", "", "NDA_???"),
    "nl_fra": (r"FRA_[A-Z]\w*", "", "FRA_???"),
    "nl_tca": (r"TCA_(UNSPEC|KIND|OPTIONS|STATS|XSTATS|RATE|FCNT|STATS2|STAB|PAD|DUMP_INVISIBLE|CHAIN|HW_OFFLOAD"
               r"|INGRESS_BLOCK|EGRESS_BLOCK|DUMP_FLAGS)", "", "TCA_???"),
    "nl_tca_stats": (r"TCA_STATS_[A-Z]\w*", "", "TCA_STATS_???"),
    "nl_fr_act": (r"FR_ACT_\w+", r"FR_ACT_RES\w+", "FR_ACT_???"),
    "nl_fib_rule_flags": (r"FIB_RULE_\w+", "", "FIB_RULE_???"),
    "nl_rt_table": (r"RT_TABLE_\w+", "", "RT_TABLE_???"),
    "nl_rt_scope": (r"RT_SCOPE_\w+", "", "RT_SCOPE_???"),
    "nl_rtprot": (r"RTPROT_\w+", "", "RTPROT_???"),
    "nl_rtn": (r"RTN_\w+", "", "RTN_???"),
    "nl_rtm_flags": (r"RTM_F_\w+|RTNH_F_\w+", "", "RTM_F_???"),
    "nl_nud": (r"NUD_\w+", "", "NUD_???"),
    "nl_ntf": (r"NTF_\w+", r"NTF_EXT_\w+", "NTF_???"),
    "nl_iptos": (r"IPTOS_(LOWDELAY|THROUGHPUT|RELIABILITY|MINCOST)", "", "IPTOS_???"),
    "nl_ext_filter": (r"RTEXT_FILTER_\w+", "", "RTEXT_FILTER_???"),
    "nl_inet_diag": (r"INET_DIAG_[A-Z]\w*", r"INET_DIAG_(NOCOOKIE|REQ_\w+|BC_\w+|GETSOCK)", "INET_DIAG_???"),
    "nl_inet_diag_req": (r"INET_DIAG_REQ_[A-Z]\w*", "", "INET_DIAG_REQ_???"),
    "nl_unix_diag": (r"UNIX_DIAG_[A-Z]\w*", "", "UNIX_DIAG_???"),
    "nl_udiag_show": (r"UDIAG_SHOW_\w+", "", "UDIAG_SHOW_???"),
    "nl_sock_diag": (r"SOCK_DIAG_BY_FAMILY|SOCK_DESTROY", "", "SOCK_DIAG_???"),
    "nl_tcpdiag": (r"TCPDIAG_GETSOCK|DCCPDIAG_GETSOCK", "", "TCPDIAG_???"),
}  # fmt: skip
ALWAYS_OUT = re.compile(r"_*\w*_MAX|\w+_HDRLEN|__\w+|\w+_ALIGNTO")


def values(names: set[str], folder: str) -> dict[str, int]:
    source = Path(folder) / "values.c"
    lines = [f'printf("{name} %lld\\n", (long long)({name}));' for name in sorted(names)]
    head = "".join(f"#include <{header}>\n" for header in HEADERS.split())
    source.write_text(f"{head}#include <stdio.h>\nint main(void) {{ {' '.join(lines)} return 0; }}\n", encoding="ascii")
    program = Path(folder) / "values"
    subprocess.run([os.environ.get("CC", "gcc"), "-w", "-o", str(program), str(source)], check=True)
    output = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    return {line.split()[0]: int(line.split()[1]) for line in output.splitlines()}


def preprocess(text: str, *options: str) -> str:
    command = [os.environ.get("CC", "gcc"), "-E", *options, "-x", "c", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def names_in_headers() -> set[str]:
    """Enumerators, and macros without arguments."""
    text = "".join(f"#include <{header}>\n" for header in HEADERS.split())
    macros = set(re.findall(r"^#define ([A-Z]\w+) \S", preprocess(text, "-dM"), re.MULTILINE))
    enumerators = {
        n
        for body in re.findall(r"enum\s*\w*\s*\{([^}]*)\}", preprocess(text, "-P"))
        for n in re.findall(r"\b[A-Z]\w+\b", body)
    }
    return macros | enumerators


def main() -> None:
    there = names_in_headers()
    chosen: dict[str, list[str]] = {}
    for table, (pattern, left_out, _) in TABLES.items():
        chosen[table] = sorted(
            n
            for n in there
            if re.fullmatch(pattern, n) and not ALWAYS_OUT.fullmatch(n) and not (left_out and re.fullmatch(left_out, n))
        )
    with tempfile.TemporaryDirectory() as folder:
        value_of = values({n for names in chosen.values() for n in names}, folder)
    out = [
        '"""Constants of netlink messages. Made by scripts/make_netlink_constants.py from linux-libc-dev; do not edit."""',
        "",
        "# fmt: off",
        "TABLES: dict[str, dict[int, str]] = {",
    ]
    for table, names in chosen.items():
        rows = {}
        for name in sorted(names, key=lambda n: (value_of[n], len(n), n)):
            rows.setdefault(value_of[name], name)
        out.append(f'    "{table}": {{')
        line = "       "
        for value, name in rows.items():
            item = f' {value}: "{name}",'
            if len(line) + len(item) > 118:
                out.append(line)
                line = "       "
            line += item
        out += [line, "    },"]
    out += [
        "}",
        "UNKNOWN: dict[str, str] = {",
        *(f'    "{t}": "{u}",' for t, (_, _, u) in TABLES.items()),
        "}",
        "# fmt: on",
    ]
    TARGET.write_text("\n".join(out) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
