"""The table of filter fields: name, type, meaning, and the SQL that gives its values for each kind of event.

Names and types are Wireshark's where Wireshark has the field. An event that has no such field never matches a test of
it; a field with several values matches if any of them does, unless the test says otherwise.
"""

from wiretale.filter.fields.events import (
    CALL_FIELDS,
    CONNECTION_FIELDS,
    DESCRIPTOR_FIELDS,
    EVENT_FIELDS,
    JOIN_FIELDS,
    PROCESS_FIELDS,
)  # fmt: skip
from wiretale.filter.fields.frame import FRAME_FIELDS, PAYLOAD_FIELDS
from wiretale.filter.fields.internet import ICMP_FIELDS, IP_FIELDS, IP_OPTION_FIELDS, IPV6_FIELDS
from wiretale.filter.fields.kernel import KERNEL_FIELDS
from wiretale.filter.fields.link import ARP_FIELDS, ETHERNET_FIELDS, SLL_FIELDS, VLAN_FIELDS
from wiretale.filter.fields.multicast import IGMP_FIELDS, MLD_FIELDS
from wiretale.filter.fields.neighbours import NEIGHBOUR_FIELDS
from wiretale.filter.fields.sysdig import SYNONYMS, SYSDIG_FIELDS
from wiretale.filter.fields.table import Field
from wiretale.filter.fields.transport import ANALYSIS_FIELDS, OPTION_FIELDS, TCP_FIELDS, UDP_FIELDS
from wiretale.filter.fields.value_names import named
from wiretale.light import replace

# In the order in which they are listed; the heading stands above them in docs/fields.md.
_GROUPS: tuple[tuple[str, tuple[Field, ...]], ...] = (
    ("Events", EVENT_FIELDS),
    ("Any event", PAYLOAD_FIELDS),
    ("Calls", CALL_FIELDS),
    ("Processes and signals", PROCESS_FIELDS),
    ("Descriptors and sockets", DESCRIPTOR_FIELDS),
    ("Connections", CONNECTION_FIELDS),
    ("Links and waits", JOIN_FIELDS),
    ("The kernel's work", KERNEL_FIELDS),
    ("Names of sysdig", SYSDIG_FIELDS),
    ("Frames", FRAME_FIELDS),
    ("Ethernet", ETHERNET_FIELDS),
    ("VLAN", VLAN_FIELDS),
    ("Linux cooked capture", SLL_FIELDS),
    ("ARP", ARP_FIELDS),
    ("IPv4", (*IP_FIELDS, *IP_OPTION_FIELDS)),
    ("IPv6", IPV6_FIELDS),
    ("ICMP and ICMPv6", (*ICMP_FIELDS, *NEIGHBOUR_FIELDS, *MLD_FIELDS)),
    ("IGMP", IGMP_FIELDS),
    ("TCP", TCP_FIELDS),
    ("TCP options", OPTION_FIELDS),
    ("TCP analysis", ANALYSIS_FIELDS),
    ("UDP", UDP_FIELDS),
)
GROUPS = tuple((heading, named(fields)) for heading, fields in _GROUPS)

_OWN: tuple[Field, ...] = tuple(field for _, fields in GROUPS for field in fields)
_OWN_BY_NAME = {f.name: f for f in _OWN}
_OTHER_NAMES = tuple(
    replace(_OWN_BY_NAME[name], name=other, same_as=name, meaning=f"the same as {name}")
    for other, name in SYNONYMS.items()
)

FIELDS: tuple[Field, ...] = (*_OWN, *_OTHER_NAMES)
BY_NAME: dict[str, Field] = {f.name: f for f in FIELDS}
