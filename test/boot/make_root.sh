#!/bin/bash
# Makes the root of a Debian system, of the release that runs here, for a simulated LON-CAPA node:
#   make_root.sh OUT.tar LONC.deb
# It has systemd, Apache with mod_perl, and the dependencies of LONC.deb; LONC.deb itself is not installed. An existing
# OUT.tar that has all of that is kept. Exits with 77 if it cannot be made.
set -euo pipefail

# The packages of a node besides lonc.
readonly packages=(
  apache2 curl dbus init-system-helpers libapache2-mod-perl2 libcryptx-perl logrotate perl procps psmisc systemd
  systemd-sysv
)

cannot() {
  printf 'make_root.sh: %s\n' "$*" >&2
  exit 77
}

# The names in the Depends and Pre-Depends of a package, the first of each choice.
dependencies_of() {
  # shellcheck disable=SC2016 # dpkg's own variables
  dpkg-deb --show --showformat '${Pre-Depends}\n${Depends}\n' "$1" |
    tr ',' '\n' | sed -E 's/[|(].*//; s/:any//; s/[[:space:]]//g; /^$/d'
}

# The sources from which apt gets this release.
mirror_of() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI) $(ORIGIN)' 'Created-By: Packages' |
    awk -v release="$1" '$1 == release && $2 == "main" && ($4 == "Debian" || $4 == "") { print $3; exit }'
}

# Runs in its own namespaces: no mount and no process outlives it.
make_root() {
  local root=$1 release=$2 mirror=$3
  debootstrap --foreign --variant=minbase "$release" "$root" "$mirror"

  # It is discarded in the end: no need to sync it, and nobody reads its documents.
  mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
  printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/man/*' \
    'path-exclude=/usr/share/locale/*' >"$root/etc/dpkg/dpkg.cfg.d/quick"
  chroot "$root" /debootstrap/debootstrap --second-stage

  # debootstrap itself does not know virtual packages.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  chroot "$root" apt-get update -q -o Acquire::Languages=none
  DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -q -y --no-install-recommends "${@:4}"
  chroot "$root" apt-get clean
  rm -rf "$root/usr/sbin/policy-rc.d" "$root/etc/dpkg/dpkg.cfg.d/quick" "$root"/var/lib/apt/lists/*
  : >"$root/etc/resolv.conf" # no lookups from inside
  : >"$root/etc/machine-id"
  echo node >"$root/etc/hostname"
}

if [[ ${1:-} == --inside ]]; then
  make_root "${@:2}"
  exit
fi

(($# == 2)) || { echo "usage: make_root.sh OUT.tar LONC.deb" >&2 && exit 2; }
out=$1 deb=$2
[[ $(id -u) == 0 ]] || cannot "only root may make a Debian root"
command -v debootstrap >/dev/null || cannot "debootstrap is not installed"
[[ -f $deb ]] || { echo "make_root.sh: $deb: no such package; build it with cpack" >&2 && exit 1; }

# shellcheck disable=SC1091
release=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
mirror=$(mirror_of "$release")
[[ -n $mirror ]] || cannot "apt has no source for Debian $release, main"
mapfile -t wanted < <(dependencies_of "$deb" && printf '%s\n' "${packages[@]}")
mapfile -t wanted < <(printf '%s\n' "${wanted[@]}" | sort -u)
contents="$release ${wanted[*]}"
if [[ -f $out && $(cat "$out.contents" 2>/dev/null) == "$contents" ]]; then
  echo "$out is there already"
  exit 0
fi

root=$(mktemp -d "$(dirname "$out")/root.XXXXXX")
trap 'rm -rf "$root" "$out.new"' EXIT
chmod 755 "$root"
unshare --mount --pid --fork --kill-child bash "$0" --inside "$root" "$release" "$mirror" "${wanted[@]}"
rm -f "$out.contents"
tar -C "$root" --numeric-owner -cf "$out.new" .
mv "$out.new" "$out"
printf '%s\n' "$contents" >"$out.contents"
echo "$out is made: $(du -m "$out" | cut -f 1) MB"
