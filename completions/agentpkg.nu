# Nushell completion for agentpkg. The program itself says what could stand at the cursor.
module agentpkg-completions {
    export def complete [spans: list<string>] {
        with-env { COMPLETE: fish } { ^agentpkg -- ...$spans }
        | lines
        | each {|line|
            let parts = ($line | split row "\t")
            { value: $parts.0, description: ($parts | get --optional 1) }
        }
    }
}
use agentpkg-completions
let agentpkg_previous = ($env.config.completions?.external?.completer? | default {|spans| null })
$env.config.completions.external.enable = true
$env.config.completions.external.completer = {|spans|
    if $spans.0 == "agentpkg" { agentpkg-completions complete $spans } else { do $agentpkg_previous $spans }
}
