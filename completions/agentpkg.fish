complete --keep-order --exclusive --command agentpkg --arguments "(COMPLETE=fish agentpkg -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
