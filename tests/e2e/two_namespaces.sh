# Two network namespaces: this one (10.0.0.1 on va) and another (10.0.0.2 on vb, process id in the file `peer`), joined by a
# veth pair or, if BAD_PATH is set, by tests/e2e/badpath.py with these settings in a third one. Then runs the arguments.
# Usage, in a folder of its own: unshare -rn sh two_namespaces.sh COMMAND...
set -e
ip link set lo up
rm -f peer middle end
mkfifo end
unshare -n sh -c 'echo $$ >peer; exec cat end' &
until [ -s peer ]; do :; done
P=$(cat peer)
in_peer() { nsenter -t "$P" -n "$@"; }
if [ -n "$BAD_PATH" ]; then
  unshare -n sh -c 'echo $$ >middle; exec cat end' &
  until [ -s middle ]; do :; done
  M=$(cat middle)
  ip link add va type veth peer name ma netns "$M"
  in_peer ip link add vb type veth peer name mb
  in_peer ip link set mb netns "$M"
  "$PYTHON" "$HERE/badpath.py" no-offload va
  in_peer "$PYTHON" "$HERE/badpath.py" no-offload vb
  nsenter -t "$M" -n sh -c 'ip link set dev ma promisc on up; ip link set dev mb promisc on up'
  # shellcheck disable=SC2086
  nsenter -t "$M" -n "$PYTHON" "$HERE/badpath.py" ma mb $BAD_PATH &
  forwarder=$!
else
  ip link add va type veth peer name vb netns "$P"
fi
ip addr add 10.0.0.1/24 dev va
ip link set va up
in_peer sh -c 'ip link set lo up; ip addr add 10.0.0.2/24 dev vb; ip link set vb up'
status=0
"$@" || status=$?
[ -z "$forwarder" ] || kill "$forwarder"
echo >end  # both holders read it, or one and the end of it
exit $status
