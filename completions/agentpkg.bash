# bash completion for agentpkg. The program itself says what could stand at the cursor.
_agentpkg() {
    local line=${COMP_LINE:0:COMP_POINT} words=() current prefix reply candidates=()
    # bash cuts words at : = and @, which belong to names here; so the line is split anew, at spaces only.
    read -r -a words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current=${words[${#words[@]} - 1]}
    # Of the last word bash replaces $2 only; what stands before that is there already.
    prefix=${current%"$2"}
    # The last line has no line break.
    while IFS= read -r reply || [[ -n $reply ]]; do
        candidates+=("${reply#"$prefix"}")
    done < <(
        _CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) _CLAP_COMPLETE_COMP_TYPE=9 _CLAP_COMPLETE_SPACE=false \
            COMPLETE=bash "${words[0]}" -- "${words[@]}" 2>/dev/null
    )
    COMPREPLY=("${candidates[@]}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=:@] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
if ((BASH_VERSINFO[0] > 4 || BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4)); then
    complete -o nosort -F _agentpkg agentpkg
else
    complete -F _agentpkg agentpkg
fi
