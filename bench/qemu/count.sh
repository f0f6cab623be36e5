#!/bin/sh
# Counts the instructions that a Raspberry Pi executes for each second of audio: docs/pi.md.
#
#   bench/qemu/count.sh RECORDING.wav [MODEL [SCORER]]        default: the bundled ones
#
# RECORDING: speech of at least 12 s, mono, 16 bits, 16 kHz. BEAM (default 500, the bundled model's)
# and CPUS can be set. Needs qemu-user 7.2 (the static one takes no plugins), gcc,
# gcc-aarch64-linux-gnu with libc6-dev-arm64-cross, and 500 MB in CACHE for an arm64 Debian's Python,
# which it fetches as packages and unpacks without installing them. It takes some minutes of one
# core. PYTHON names the Python that calls the bench, with headers.
set -eu
HERE=$(cd "$(dirname "$0")/../.." && pwd)
. "$HERE/packaging/chroots.sh"
RECORDING=${1:?a recording of 12 s of speech}
MODEL=${2:-$HERE/models/stt-en-small.tflite}
if [ $# -gt 1 ]; then SCORER=${3:-}; else SCORER=$HERE/models/stt-en-small.ngram; fi
PYTHON=${PYTHON:-python3}
QEMU=${QEMU:-qemu-aarch64}
BEAM=${BEAM:-500}
CPUS=${CPUS:-cortex-a72 cortex-a76}
ROOT=$CACHE/count
for tool in gcc aarch64-linux-gnu-gcc dpkg-deb "$QEMU" "$PYTHON"; do
  command -v "$tool" >/dev/null || { echo "count.sh needs $tool" >&2; exit 2; }
done
fetch_wheels 3.11 arm64

# A Python of Debian 12 for arm64.
if [ ! -e "$ROOT/.complete" ]; then
  rm -rf "$ROOT"
  mkdir -p "$ROOT/lists/partial" "$ROOT/debs" "$ROOT/site" "$ROOT/etc/apt"
  echo "deb $MIRROR bookworm main" >"$ROOT/etc/apt/sources.list"
  apt() {
    apt-get -qq -o APT::Sandbox::User=root -o APT::Architecture=arm64 -o APT::Architectures=arm64 \
      -o Dir::State::Lists="$ROOT/lists" -o Dir::Etc::SourceList="$ROOT/etc/apt/sources.list" \
      -o Dir::Etc::SourceParts=/dev/null "$@"
  }
  apt update
  (cd "$ROOT/debs" && apt download libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libbz2-1.0 \
    liblzma5 libuuid1 libssl3 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib)
  for deb in "$ROOT"/debs/*.deb; do dpkg-deb -x "$deb" "$ROOT"; done
  ln -sf python3.11 "$ROOT/usr/bin/python3"
  for wheel in "$WHEELS"/*.whl; do "$PYTHON" -m zipfile -e "$wheel" "$ROOT/site"; done
  touch "$ROOT/.complete"
fi

# Our own package, with its search compiled for ARM as setup.py does it for this machine.
rm -rf "$ROOT/site/stt_service"
cp -r "$HERE/stt_service" "$ROOT/site"
rm -f "$ROOT"/site/stt_service/decoder/_kernel*.so
# shellcheck disable=SC2046 -- one word for each file
aarch64-linux-gnu-gcc -shared -fPIC -O3 -std=c11 -fno-math-errno -fvisibility=hidden \
  -DPy_LIMITED_API=0x030B0000 -I"$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include"))')" \
  $(ls "$HERE"/stt_service/decoder/_kernel*.c "$HERE"/stt_service/decoder/native/*.c) \
  -o "$ROOT/site/stt_service/decoder/_kernel.abi3.so"
gcc -shared -fPIC -O2 -o "$ROOT/libcount.so" "$HERE/bench/qemu/count.c"

# board PART FEATURES: where LiteRT looks which kernels to take.
board() {
  mkdir -p "$ROOT/proc" "$ROOT/sys/devices/system/cpu/cpu0/cpufreq"
  printf 'processor\t: 0\nFeatures\t: %s\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: %s\nCPU revision\t: 3\n' \
    "$2" "$1" >"$ROOT/proc/cpuinfo"
  for file in possible present online; do echo 0 >"$ROOT/sys/devices/system/cpu/$file"; done
}
for cpu in $CPUS; do
  case $cpu in
    cortex-a53) board 0xd03 "fp asimd evtstrm crc32 cpuid" ;;
    cortex-a72) board 0xd08 "fp asimd evtstrm crc32 cpuid" ;;
    cortex-a76) board 0xd0b "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp" ;;
    *) echo "no such processor: $cpu" >&2; exit 2 ;;
  esac
  (cd "$HERE" && "$PYTHON" -m bench.instructions --emulator "$QEMU" --root "$ROOT" \
    --packages "$ROOT/site" --plugin "$ROOT/libcount.so" --recording "$RECORDING" --cpu "$cpu" --beam "$BEAM" \
    ${SCORER:+--scorer "$SCORER"} "$MODEL")
done
