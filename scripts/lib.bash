# shellcheck shell=bash
# What the scripts beside this file share. They source it; it runs nothing by itself.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Cargo tools, pinned.
declare -A tool_version=(
    [cargo-deny]=0.20.2
    [cargo-fuzz]=0.13.2
    [cargo-hack]=0.6.46
)
# Where a pinned version goes if another one is installed already. Cargo looks into its own folder
# first, unless that folder is named in PATH: then the order there counts.
tool_root=$root/target/tools
export PATH="$tool_root/bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

say() {
    printf '%s\n' "$*"
}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# need COMMAND=PACKAGE...: installs the Debian packages of those commands that are missing.
need() {
    local pair packages=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
    done
    ((${#packages[@]} == 0)) || install_debian_packages "${packages[@]}"
}

# need_header HEADER=PACKAGE...: the same for what C programs include.
need_header() {
    local pair packages=()
    for pair in "$@"; do
        cc -E -x c -include "${pair%%=*}" /dev/null >/dev/null 2>&1 || packages+=("${pair#*=}")
    done
    ((${#packages[@]} == 0)) || install_debian_packages "${packages[@]}"
}

install_debian_packages() {
    local as_root=()
    command -v apt-get >/dev/null || die "missing, to be installed by hand: $*"
    if ((EUID != 0)); then
        sudo -n true 2>/dev/null || die "missing, and only root can install them: $*"
        as_root=(sudo -n)
    fi
    say "installing Debian packages: $*"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

# need_tool NAME...: installs the pinned version of a cargo tool, unless it is there.
need_tool() {
    local name version found elsewhere
    for name in "$@"; do
        version=${tool_version[$name]}
        found=$(cargo "${name#cargo-}" --version 2>/dev/null || true)
        [[ $found != "$name $version" ]] || continue
        # Another version is somebody's own: it stays.
        elsewhere=()
        [[ -z $found ]] || elsewhere=(--root "$tool_root")
        say "installing $name $version"
        cargo install --quiet --locked "${elsewhere[@]}" --version "$version" "$name"
    done
}

have_nightly() {
    cargo +nightly --version >/dev/null 2>&1
}
