# Installs PostgreSQL on Debian and its kin, as root, without the system-wide
# cluster that its packages would create and start.
# $1: the major version wanted, or nothing for the newest; $2: the oldest that will do.
# Exit status 3: there is no such package.
set -eu
export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1

# The lists of an image are often missing or old. A broken source among them
# need not be PostgreSQL's, so a failure here is left to the installation.
apt-get -q -o DPkg::Lock::Timeout=300 update || true

if [ -n "$1" ]; then
	newest=$1
else
	newest=$(apt-cache search --names-only '^postgresql-[0-9]+$' | sed -n 's/^postgresql-\([0-9]*\) .*/\1/p' | sort -n | tail -n 1)
fi
if [ -z "$newest" ] || [ "$newest" -lt "$2" ] || ! apt-cache show "postgresql-$newest" >/dev/null 2>&1; then
	echo "E: the package sources of this system have no PostgreSQL ${1:-$2 or newer}"
	exit 3
fi

# The setting stands only while we install: the operator's file, or the
# package's own, is put in its place afterwards.
conf=/etc/postgresql-common/createcluster.conf
template=/usr/share/postgresql-common/createcluster.conf
mkdir -p /etc/postgresql-common
if [ -e "$conf" ] && [ ! -e "$conf.before-anton" ]; then
	cp -p "$conf" "$conf.before-anton"
fi
restore() {
	if [ -e "$conf.before-anton" ]; then
		mv "$conf.before-anton" "$conf"
	elif [ -e "$template" ]; then
		cp "$template" "$conf"
		rm -f "$conf.ucf-dist" # the same, put there because ours was in its way
	else
		rm -f "$conf"
		rmdir /etc/postgresql-common 2>/dev/null || true
	fi
}
trap restore EXIT
trap 'exit 1' HUP INT TERM
echo 'create_main_cluster = false' >>"$conf"

apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "postgresql-$newest"
