#!/bin/sh
# Installs agentpkg: the program, completions for bash, zsh and fish, and man pages. Needs no root. Says first what it does.
#
#   ./install.sh                             from a checkout: builds it (needs cargo)
#   ./install.sh                             from an unpacked release: checks the files, then copies them
#   ./install.sh --archive FILE.tar.gz       from a release that is not unpacked; SHA256SUMS has to stand beside it
#   ./install.sh --uninstall                 removes exactly what an earlier run put there
set -eu

program=agentpkg
prefix=${PREFIX:-${HOME:-}/.local}
archive=
action=install
is_dry=no

usage() {
    cat <<'TEXT'
usage: install.sh [--prefix DIR] [--archive FILE] [--dry-run] [--uninstall]

  --prefix DIR     where to: DIR/bin, DIR/share (default: ~/.local, or $PREFIX)
  --archive FILE   a release archive; its checksum is looked up in SHA256SUMS beside it
  --dry-run        say what would be done, and stop
  --uninstall      remove exactly what was installed below the prefix
TEXT
}

say() { printf '%s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '\nhint: %s\n' "$2" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
        --prefix) [ $# -ge 2 ] || fail "--prefix needs a folder"; prefix=$2; shift ;;
        --prefix=*) prefix=${1#*=} ;;
        --archive) [ $# -ge 2 ] || fail "--archive needs a file"; archive=$2; shift ;;
        --archive=*) archive=${1#*=} ;;
        --dry-run) is_dry=yes ;;
        --uninstall) action=uninstall ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
    shift
done
case $prefix in
    '' | /.local) fail "there is no home folder to install into" "name one with --prefix" ;;
    /*) ;;
    *) prefix=$(pwd)/$prefix ;;
esac
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
list=$prefix/share/$program/installed

# The SHA-256 of a file, by whichever program this system has.
sha256() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum <"$1" | cut -d ' ' -f 1
    elif command -v shasum >/dev/null 2>&1; then
        shasum -a 256 <"$1" | cut -d ' ' -f 1
    elif command -v openssl >/dev/null 2>&1; then
        openssl dgst -sha256 <"$1" | sed 's/.* //'
    else
        fail "there is no program to check a SHA-256 with" "install sha256sum, shasum or openssl"
    fi
}

# Checks one file against a list of checksums.
check() {
    wanted=$(sed -n "s/^\([0-9a-f]\{64\}\)  *\*\{0,1\}$(printf '%s' "$2" | sed 's/[.[\*^$/]/\\&/g')\$/\1/p" "$3" | head -n 1)
    [ -n "$wanted" ] || fail "$2 is not in $3" "get both files from the same release"
    [ "$(sha256 "$1")" = "$wanted" ] || fail "$2 does not have the checksum that $3 names, so nothing was installed" "download it again"
}

# The list of an earlier run is ours, but nothing outside the prefix is worth the risk: looked at as a whole, before anything is touched.
check_list() {
    [ -f "$list" ] || return 0
    while IFS= read -r path; do
        case $path in
            '' | /* | .. | ../* | */.. | */../*)
                fail "$list names \`$path\`, which is not below the prefix" "nothing was touched; mend the list, or delete it" ;;
        esac
    done <"$list"
}

uninstall() {
    [ -f "$list" ] || fail "nothing is installed below $prefix" "name the folder with --prefix"
    say "Removing $program from $prefix"
    while IFS= read -r path; do
        say "  $path"
        [ "$is_dry" = yes ] || rm -f -- "$prefix/$path"
    done <"$list"
    [ "$is_dry" = no ] || return 0
    # Folders that are empty now go; those of others are not.
    paths=$(cat "$list")
    rm -f -- "$list"
    printf '%s\n%s\n' "$paths" "share/$program/installed" | while IFS= read -r path; do
        folder=$(dirname -- "$path")
        while [ "$folder" != . ] && rmdir -- "$prefix/$folder" 2>/dev/null; do
            folder=$(dirname -- "$folder")
        done
    done
    rmdir -- "$prefix" 2>/dev/null || :
}

# Copies one file into the prefix and notes it.
put() {
    mode=$1 from=$2 to=$3
    mkdir -p -- "$prefix/$(dirname -- "$to")"
    # Beside the target first, so that a running program is replaced and not written over.
    cp -- "$from" "$prefix/$to.new"
    chmod "$mode" "$prefix/$to.new"
    mv -f -- "$prefix/$to.new" "$prefix/$to"
    printf '%s\n' "$to" >>"$notes"
}

check_list
if [ "$action" = uninstall ]; then
    uninstall
    exit 0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/$program.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT TERM
notes=$work/installed
: >"$notes"

if [ -n "$archive" ]; then
    [ -f "$archive" ] || fail "there is no file $archive"
    kind="the archive $archive"
elif [ -f "$here/Cargo.toml" ]; then
    kind="this checkout, building it with ${CARGO:-cargo} (about two minutes)"
elif [ -f "$here/$program" ] && [ -f "$here/SHA256SUMS" ]; then
    kind="this release"
else
    fail "$here is neither a checkout nor a release" "unpack a release and run the script in it"
fi

say "Installing $program from $kind"
say "  program      $prefix/bin/$program"
say "  completions  $prefix/share/bash-completion/completions/$program"
say "               $prefix/share/zsh/site-functions/_$program"
say "               $prefix/share/fish/vendor_completions.d/$program.fish"
say "  man pages    $prefix/share/man/man1/$program*.1"
say "Undo with: install.sh --uninstall --prefix $prefix"
[ "$is_dry" = no ] || exit 0

if [ -n "$archive" ]; then
    name=$(basename -- "$archive")
    sums=$(dirname -- "$archive")/SHA256SUMS
    [ -f "$sums" ] || fail "there is no SHA256SUMS beside $archive" "download it from the same release"
    check "$archive" "$name" "$sums"
    mkdir "$work/release"
    tar -xzf "$archive" -C "$work/release"
    files=$work/release
    [ -f "$files/$program" ] || files=$(dirname -- "$(find "$work/release" -type f -name "$program" | head -n 1)")
    [ -f "$files/$program" ] || fail "$archive does not hold $program"
elif [ -f "$here/Cargo.toml" ]; then
    command -v "${CARGO:-cargo}" >/dev/null 2>&1 || fail "cargo is not on PATH" "install Rust: https://rustup.rs"
    (cd "$here" && "${CARGO:-cargo}" build --release --locked --target-dir "${CARGO_TARGET_DIR:-$here/target}") ||
        fail "the build failed" "the messages above say why"
    files=$work/built
    mkdir "$files"
    cp -- "${CARGO_TARGET_DIR:-$here/target}/release/$program" "$files/$program"
    cp -R -- "$here/completions" "$files/completions"
    "$files/$program" manual "$files/man"
else
    files=$here
    (
        cd -- "$files"
        for file in "$program" completions/* man/*; do
            [ ! -f "$file" ] || check "$file" "$file" SHA256SUMS
        done
    )
fi

# What an earlier version put there and this one does not goes away.
old=$work/old
[ ! -f "$list" ] || cp -- "$list" "$old"
put 755 "$files/$program" "bin/$program"
put 644 "$files/completions/$program.bash" "share/bash-completion/completions/$program"
put 644 "$files/completions/_$program" "share/zsh/site-functions/_$program"
put 644 "$files/completions/$program.fish" "share/fish/vendor_completions.d/$program.fish"
for page in "$files"/man/*.1; do
    [ ! -f "$page" ] || put 644 "$page" "share/man/man1/$(basename -- "$page")"
done
mkdir -p -- "$(dirname -- "$list")"
if [ -f "$old" ]; then
    while IFS= read -r path; do
        grep -Fqx -- "$path" "$notes" || rm -f -- "$prefix/$path"
    done <"$old"
fi
cp -- "$notes" "$list"

say "Installed $("$prefix/bin/$program" --version)"
case :${PATH:-}: in
    *:"$prefix/bin":*) ;;
    *) say "Put $prefix/bin on your PATH, for example in ~/.profile:  export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
case ${SHELL:-} in
    */zsh) say "For completions put this before compinit in ~/.zshrc:  fpath=($prefix/share/zsh/site-functions \$fpath)" ;;
    *) ;;
esac
