#!/bin/bash
# beside-systemd.sh UNITS COMMAND [ARG...]: runs COMMAND beside a real systemd (as PID 1 of its own namespaces) that has
# the unit files of the folder UNITS. The root file system is an overlay thrown away at the end: nothing outside changes.
# COMMAND runs inside, in the current folder, with `systemctl` and `journalctl` at hand; loopback is shared with the outside.
# Exit status: COMMAND's; 77 where this cannot work (not Linux, not root, no systemd installed): treat it as skipped.
set -eu
units=$(cd "$1" && pwd); shift
here=$(pwd)
[ "$(uname)" = Linux ] && [ "$(id -u)" = 0 ] && [ -x /lib/systemd/systemd ] && command -v nsenter >/dev/null || { echo "beside-systemd: needs Linux, root and systemd" >&2; exit 77; }
box=$(mktemp -d /var/tmp/beside-systemd.XXXXXX)
cat >"$box/init" <<'INIT'
#!/bin/bash
set -e
box=$1 units=$2
mount --make-rprivate /
mount -t tmpfs tmpfs "$box/fs"; mkdir "$box/fs/up" "$box/fs/work" "$box/fs/root"
root=$box/fs/root
mount -t overlay overlay -o lowerdir=/,upperdir="$box/fs/up",workdir="$box/fs/work" "$root"
mount -t tmpfs tmpfs "$root/run"; mount -t tmpfs tmpfs "$root/tmp"
mount -t proc proc "$root/proc"; mount --rbind /sys "$root/sys"; mount --rbind /dev "$root/dev"
mkdir -p "$root/run/lock" "$root/old"
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/*.requires
cp "$units"/* "$root/etc/systemd/system/"
# A target that waits for nothing: the machine's own boot (temporary files, modules, sysctl) must not run.
printf '[Unit]\nDefaultDependencies=no\n' >"$root/etc/systemd/system/box.target"
cd "$root"; pivot_root . old; umount -l /old
export container=box
exec /lib/systemd/systemd --system --log-target=console --log-level=notice --unit=box.target
INIT
chmod +x "$box/init"; mkdir "$box/fs"
unshare --fork --pid --mount --uts --ipc --cgroup --mount-proc "$box/init" "$box" "$units" >"$box/log" 2>&1 </dev/null &
outer=$!
inner=
done_with() {
  [ -n "$inner" ] && kill -9 "$inner" 2>/dev/null || true
  wait "$outer" 2>/dev/null || true
  rm -rf "$box"
}
trap done_with EXIT
in_box() { nsenter -t "$inner" -m -p -u -i -C env -C "$here" "$@"; }
for _ in $(seq 300); do
  inner=$(pgrep -P "$outer" || true)
  if [ -n "$inner" ] && in_box systemctl is-system-running >"$box/state" 2>/dev/null || grep -qsE 'running|degraded|maintenance' "$box/state"; then break; fi
  sleep 0.1
done
if ! grep -qsE 'running|degraded|maintenance|starting' "$box/state"; then echo "beside-systemd: systemd did not start:" >&2; tail -5 "$box/log" >&2; exit 77; fi
status=0
in_box "$@" || status=$?
exit "$status"
