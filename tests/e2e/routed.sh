# Three network namespaces in a row: this one (10.0.0.1, fd00::1), a router (10.0.0.2 and 10.0.1.1, fd00::2 and fd01::1)
# and a host behind it (10.0.1.2, fd01::2). Then runs the arguments.
# Usage, in a folder of its own, as root: unshare -n sh routed.sh COMMAND...
set -e
ip link set lo up
rm -f router host end
mkfifo end
unshare -n sh -c 'echo $$ >router; exec cat end' &
unshare -n sh -c 'echo $$ >host; exec cat end' &
until [ -s router ] && [ -s host ]; do :; done
R=$(cat router) H=$(cat host)
at() { nsenter -t "$1" -n sh -c "$2"; }
ip link add near type veth peer name near-r netns "$R"
at "$R" "ip link add far-r type veth peer name far netns $H"
ip addr add 10.0.0.1/24 dev near
ip addr add fd00::1/64 dev near nodad
ip link set near up
at "$R" 'ip link set lo up
ip addr add 10.0.0.2/24 dev near-r; ip addr add fd00::2/64 dev near-r nodad; ip link set near-r up
ip addr add 10.0.1.1/24 dev far-r; ip addr add fd01::1/64 dev far-r nodad; ip link set far-r up
echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit'
at "$H" 'ip link set lo up; ip addr add 10.0.1.2/24 dev far; ip addr add fd01::2/64 dev far nodad; ip link set far up
ip route add default via 10.0.1.1; ip -6 route add default via fd01::1'
ip route add 10.0.1.0/24 via 10.0.0.2
ip -6 route add fd01::/64 via fd00::2
status=0
"$@" || status=$?
echo >end
exit $status
