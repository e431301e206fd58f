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
is_forced=no

usage() {
    cat <<'TEXT'
usage: install.sh [--prefix DIR] [--archive FILE] [--force] [--dry-run] [--uninstall]

  --prefix DIR     where to: DIR/bin, DIR/share (default: ~/.local, or $PREFIX)
  --archive FILE   a release archive; its checksum is looked up in SHA256SUMS beside it
  --force          replace files that are in the way, though this script did not put them there
  --dry-run        say what would be done, and stop
  --uninstall      remove exactly what was installed below the prefix: files, and the folders made for them
TEXT
}

say() { printf '%s\n' "$*"; }
complain() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '\nhint: %s\n' "$2" >&2
}
fail() {
    complain "$@"
    exit 1
}

# Invalid arguments.
refuse() {
    complain "$1" "install.sh --help says what there is"
    exit 2
}
# A word as a shell reads it back.
quoted() {
    case $1 in
        '' | *[!A-Za-z0-9/._+-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
        *) printf '%s' "$1" ;;
    esac
}

while [ $# -gt 0 ]; do
    case $1 in
        --prefix) [ $# -ge 2 ] || refuse "--prefix needs a folder"; prefix=$2; shift ;;
        --prefix=*) prefix=${1#*=} ;;
        --archive) [ $# -ge 2 ] || refuse "--archive needs a file"; archive=$2; shift ;;
        --archive=*) archive=${1#*=} ;;
        --force) is_forced=yes ;;
        --dry-run) is_dry=yes ;;
        --uninstall) action=uninstall ;;
        -h | --help) usage; exit 0 ;;
        *) refuse "there is no option $1" ;;
    esac
    shift
done
case $prefix in
    '' | /.local) fail "there is no home folder to install into" "name one with --prefix" ;;
    /*) ;;
    *) prefix=$(pwd)/$prefix ;;
esac
[ -d "$prefix" ] || { [ ! -e "$prefix" ] && [ ! -L "$prefix" ]; } || fail "$prefix is not a folder"
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
list=$prefix/share/$program/installed
undo="sh $(quoted "$here/${0##*/}") --uninstall --prefix $(quoted "$prefix")"
# Where a file is before it is moved to its place.
staged=share/$program/new

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
    [ -r "$1" ] || fail "$2 cannot be read, so nothing was installed" "change its permissions"
    [ "$(sha256 "$1")" = "$wanted" ] || fail "$2 does not have the checksum that $3 names, so nothing was installed" "download it again"
}

# The list of an earlier run is ours, but nothing outside the prefix is worth the risk: looked at as a whole, before anything is touched.
check_list() {
    [ -f "$list" ] || return 0
    # The last line may have been cut off; `read` gives it, but says that it was the end.
    while IFS= read -r path || [ -n "$path" ]; do
        case $path in
            '' | /* | .. | ../* | */.. | */../*)
                fail "$list names \`$path\`, which is not below the prefix" "nothing was changed; fix the list, or delete it" ;;
        esac
    done <"$list"
}

# Whether an earlier run put a file there, or made that folder.
is_ours() { [ -f "$list" ] && grep -Fqx -- "$1" "$list"; }

# Removes a file, if it is there; never a folder.
remove_file() {
    [ -f "$prefix/$1" ] || [ -L "$prefix/$1" ] || return 0
    [ "$action" = install ] || say "  $1"
    [ "$is_dry" = yes ] || rm -f -- "$prefix/$1"
}

uninstall() {
    [ -f "$list" ] || fail "nothing is installed below $prefix" "name the folder with --prefix"
    say "Removing $program from $prefix"
    while IFS= read -r path || [ -n "$path" ]; do
        case $path in
            */) ;;
            *) remove_file "$path" ;;
        esac
    done <"$list"
    [ "$is_dry" = no ] || return 0
    # Folders that were made for them go if nothing of somebody else's is in them; the reverse order has the inner ones first.
    folders=$(grep '/$' "$list" | LC_ALL=C sort -r) || :
    rm -f -- "$list"
    printf '%s\n' "$folders" | while IFS= read -r path; do
        case $path in
            '') ;;
            ./) rmdir -- "$prefix" 2>/dev/null || : ;;
            *) rmdir -- "$prefix/$path" 2>/dev/null || : ;;
        esac
    done
}

# Calls a function with the mode, the source and the target of every file.
each_file() {
    "$1" 755 "$files/$program" "bin/$program"
    "$1" 644 "$files/completions/$program.bash" "share/bash-completion/completions/$program"
    "$1" 644 "$files/completions/_$program" "share/zsh/site-functions/_$program"
    "$1" 644 "$files/completions/$program.fish" "share/fish/vendor_completions.d/$program.fish"
    for page in "$files"/man/*.1; do
        [ ! -f "$page" ] || "$1" 644 "$page" "share/man/man1/${page##*/}"
    done
}

# Whether a file is one that `agentpkg completions --install` put there.
is_generated() {
    case $1 in
        share/bash-completion/* | share/zsh/* | share/fish/*) head -n 1 -- "$prefix/$1" 2>/dev/null | grep -Eq "^(# bash completion for|#compdef|complete .* --command) $program" ;;
        *) return 1 ;;
    esac
}

# Notes what is in the way of one file.
look() {
    to=$3
    if [ -d "$prefix/$to" ]; then
        fail "$prefix/$to is a folder, so nothing was installed" "move it away"
    elif { [ -e "$prefix/$to" ] || [ -L "$prefix/$to" ]; } && ! is_ours "$to" && ! is_generated "$to"; then
        printf '  %s\n' "$prefix/$to" >>"$work/foreign"
    fi
    folder=$to
    while [ "$folder" != "${folder%/*}" ]; do
        folder=${folder%/*}
        if [ ! -d "$prefix/$folder" ] && { [ -e "$prefix/$folder" ] || [ -L "$prefix/$folder" ]; }; then
            fail "$prefix/$folder is not a folder, so nothing was installed" "move it away"
        fi
    done
}

# Nothing that a person or another program put there is replaced without a word, or removed by --uninstall later.
look_at_all() {
    : >"$work/foreign"
    each_file look
    look 644 "" "$staged"
    [ -s "$work/foreign" ] && [ "$is_forced" = no ] || return 0
    fail "these files exist, and this script did not put them there, so nothing was installed
$(cat "$work/foreign")" "move them away, or replace them with --force; --uninstall removes what is there then"
}

# Writes into the list what is about to be made, so that --uninstall knows it even if this run ends half-way.
note() { printf '%s\n' "$1" >>"$list"; }

# Makes the folder of the list. What is made before there is a list is written into it at once.
begin() {
    made=
    [ -d "$prefix" ] || made=./
    mkdir -p -- "$prefix" || fail "nothing was installed" "choose a folder that you may write to with --prefix"
    [ -w "$prefix" ] || fail "$prefix cannot be written to, so nothing was installed" "choose another folder with --prefix"
    for folder in share/ "share/$program/"; do
        [ -d "$prefix/$folder" ] || made="$made $folder"
        mkdir -p -- "$prefix/$folder"
    done
    # Nothing may be written behind a last line that was cut off.
    [ ! -f "$list" ] || [ -z "$(tail -c 1 -- "$list")" ] || note ""
    for folder in $made; do
        note "$folder"
    done
    is_begun=yes
    note "$staged"
}

# Makes a folder below the prefix, and those that it is in. Only those that were not there are noted, and may go again.
make_folder() {
    made='' rest=$1/
    while [ -n "$rest" ]; do
        made=$made${rest%%/*}/
        rest=${rest#*/}
        if [ ! -d "$prefix/$made" ]; then
            note "$made"
            mkdir -- "$prefix/$made"
        fi
    done
}

# Copies one file into the prefix.
put() {
    mode=$1 from=$2 to=$3
    make_folder "${to%/*}"
    # In a folder of our own first, so that a running program is replaced and not written over.
    cp -- "$from" "$prefix/$staged"
    chmod "$mode" "$prefix/$staged"
    note "$to"
    mv -f -- "$prefix/$staged" "$prefix/$to"
    printf '%s\n' "$to" >>"$work/put"
}

# What an earlier version put there and this one does not goes away, and so does the note of the staged file.
finish() {
    grep -Fxv -f "$work/put" "$list" | while IFS= read -r path; do
        case $path in
            */) ;;
            *) remove_file "$path" ;;
        esac
    done
    { grep '/$' "$list" || :; cat "$work/put"; } | LC_ALL=C sort -u >"$work/list"
    cp -- "$work/list" "$prefix/$staged"
    mv -f -- "$prefix/$staged" "$list"
    is_begun=no
}

# However this run ends, it leaves nothing in the folder for temporary files, and says what it leaves elsewhere.
end() {
    status=$?
    rm -rf -- "$work"
    [ "$is_begun" = no ] || complain "the installation below $prefix ended half-way" \
        "run it again when the reason is gone, or remove all that is there of $program: $undo"
    exit "$status"
}

check_list
if [ "$action" = uninstall ]; then
    uninstall
    exit 0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/$program.XXXXXX")
is_begun=no
trap end EXIT
trap 'exit 130' INT TERM
# Empty, until what is to be installed is known.
files=$work/files
mkdir "$files"

if [ -n "$archive" ]; then
    [ -f "$archive" ] || fail "there is no file $archive"
    kind="the archive $archive"
elif [ -f "$here/Cargo.toml" ]; then
    kind="this checkout, building it with ${CARGO:-cargo} (about two minutes)"
elif [ -f "$here/$program" ] && [ -f "$here/SHA256SUMS" ]; then
    kind="this release"
    files=$here
else
    fail "$here is neither a checkout nor a release" "unpack a release and run the script in it"
fi

say "Installing $program from $kind"
say "  program      $prefix/bin/$program"
say "  completions  $prefix/share/bash-completion/completions/$program"
say "               $prefix/share/zsh/site-functions/_$program"
say "               $prefix/share/fish/vendor_completions.d/$program.fish"
say "  man pages    $prefix/share/man/man1/$program*.1"
# Now, before minutes of building, and again when all files are known.
look_at_all
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
    # The folder is meant as seen from here, but cargo looks for its configuration from where it runs.
    case ${CARGO_TARGET_DIR:-/} in
        /*) ;;
        *) CARGO_TARGET_DIR=$(pwd)/$CARGO_TARGET_DIR && export CARGO_TARGET_DIR ;;
    esac
    # Where the program is depends on that configuration as well (build.target, build.target-dir), so cargo is asked.
    (cd "$here" && "${CARGO:-cargo}" build --release --locked --bin "$program" --message-format=json-render-diagnostics) >"$work/build" ||
        fail "the build failed" "the messages above say why"
    built=$(sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' "$work/build" | tail -n 1)
    [ -f "$built" ] || fail "cargo does not say where it put $program" "build it with cargo, and copy it to $prefix/bin"
    cp -- "$built" "$files/$program"
    cp -R -- "$here/completions" "$files/completions"
    "$files/$program" manual "$files/man" ||
        fail "the program that was built does not run here" "a cargo configuration may have another \`build.target\`"
else
    (
        cd -- "$files"
        for file in "$program" completions/* man/*; do
            [ ! -f "$file" ] || check "$file" "$file" SHA256SUMS
        done
    )
fi

look_at_all
begin
each_file put
finish

say "Installed $("$prefix/bin/$program" --version)"
case :${PATH:-}: in
    *:"$prefix/bin":*) ;;
    *) say "Put $prefix/bin on your PATH, for example in ~/.profile:  export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
case ${SHELL:-} in
    */zsh) say "For completions put this before compinit in ~/.zshrc:  fpath=($prefix/share/zsh/site-functions \$fpath)" ;;
    *) ;;
esac
say "Try: $program install backend-architect"
say "Undo with: $undo"
