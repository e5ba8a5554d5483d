#!/bin/bash
# Installs the Debian packages that the tests drive. Where they cannot be had, the tests that need them say so and skip.
set -u
need=()
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || need+=(mosquitto)
command -v chromium >/dev/null || need+=(chromium)
command -v victoria-metrics >/dev/null || need+=(victoria-metrics)
command -v strace >/dev/null || need+=(strace)
command -v influxd >/dev/null || need+=(influxdb)
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || need+=(nginx-light)
[ ${#need[@]} -eq 0 ] && exit 0
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  sudo -n true 2>/dev/null || { echo "no root: tests that need ${need[*]} will be skipped" >&2; exit 0; }
  as_root=(sudo -n)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq || true
for package in "${need[@]}"; do
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$package" >/dev/null \
    || echo "could not install $package: tests that need it will be skipped" >&2
done
exit 0
