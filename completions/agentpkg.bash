# bash completion for agentpkg. The program itself says what could stand at the cursor.
_agentpkg() {
    local line=${COMP_LINE:0:COMP_POINT} words=() word='' open='' is_word='' kept='' c reply candidates=()
    local special=$' \t"\'\\$`&;|<>()*?[]{}'
    # Of the last word bash replaces only what $2 says, as it was typed; what stands before that is there already.
    local -i i replaced=$((${#line} - ${#2}))
    # bash cuts words at : = and @, which belong to names here; so the line is read anew, up to spaces and without its quotes.
    for ((i = 0; i < ${#line}; i++)); do
        ((i == replaced)) && kept=$word
        c=${line:i:1}
        case $open$c in
            [[:space:]])
                [[ -n $is_word ]] && words+=("$word")
                word='' is_word='' kept=''
                continue
                ;;
            [\"\']) open=$c ;;
            \"\" | \'\') open='' ;;
            \\)
                i+=1
                word+=${line:i:1}
                ;;
            \"\\)
                if [[ ${line:i+1:1} == [\"\\\$\`] ]]; then
                    i+=1
                    c=${line:i:1}
                fi
                word+=$c
                ;;
            *) word+=$c ;;
        esac
        is_word=1
    done
    ((replaced == ${#line})) && kept=$word
    words+=("$word")
    # The last line has no line break.
    while IFS= read -r reply || [[ -n $reply ]]; do
        reply=${reply:${#kept}}
        # What stands in quotes already needs none, and a ~ in front means a folder.
        if [[ -z $open && $reply == *["$special"]* ]]; then
            if [[ $reply == \~/* ]]; then
                printf -v reply '%s/%q' '~' "${reply:2}"
            else
                printf -v reply '%q' "$reply"
            fi
        fi
        candidates+=("$reply")
    done < <(
        _CLAP_IFS=$'\n' _CLAP_COMPLETE_INDEX=$((${#words[@]} - 1)) _CLAP_COMPLETE_COMP_TYPE=9 _CLAP_COMPLETE_SPACE=false \
            COMPLETE=bash "${words[0]/#\~\//$HOME/}" -- "${words[@]}" 2>/dev/null
    )
    COMPREPLY=("${candidates[@]}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[/=:@-] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
if ((BASH_VERSINFO[0] > 4 || BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4)); then
    complete -o nosort -F _agentpkg agentpkg
else
    complete -F _agentpkg agentpkg
fi
