#!/usr/bin/env bash
# Installs Debian packages that are missing, as root or with sudo; elsewhere says what to install.
set -euo pipefail
missing=()
# Not piped into grep -q: that ends early, and under pipefail ldconfig's broken pipe would count.
libraries=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null || true)
for package in "$@"; do
  case $package in
    libchromaprint1) [[ $libraries == *libchromaprint.so* ]] && continue ;;
    libfluidsynth3) [[ $libraries == *libfluidsynth.so* ]] && continue ;;
    fluid-soundfont-gm) [ -e /usr/share/sounds/sf2/FluidR3_GM.sf2 ] && continue ;;
    timgm6mb-soundfont) [ -e /usr/share/sounds/sf2/TimGM6mb.sf2 ] && continue ;;
    chromium) command -v chromium >/dev/null && continue ;;
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null && continue
                command -v initdb >/dev/null && continue ;;
  esac
  missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
  echo "Install what these Debian packages hold, then run make again: ${missing[*]}" >&2
  exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
  run=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  run=(sudo)
else
  echo "Install these packages, then run make again: apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "Installing ${missing[*]}" >&2
"${run[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
