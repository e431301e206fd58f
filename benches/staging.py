"""What the measurements of this folder set up alike."""

import os


def environment(home):
    """The variables for a program that is measured: a home of its own, and nothing of the caller's git, cache and agentpkg."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "XDG_", "AGENTPKG_"))}
    kept.update(HOME=str(home), GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL=os.devnull)
    return kept
