#!/usr/bin/env python3
"""Replays updates of real agents that have overrides, and counts those that ask because of an overridden key: there must be none.

    cargo build --release && python3 benches/replay_overrides.py [--program target/release/agentpkg] [--limit 1000] REPOSITORY.git...

For each agent whose `model`, `description` or `tools` changed in the history of a bare repository: install the first version, override
all three, update to the last version (`--steps`: to each next one as well), look at what the file says, take the overrides back, and compare
with an install of the new version. `--add` adds a tool, too, which is an error where upstream no longer has a `tools` line.
Ends with 1 if an update asked or the file is not what it should be. Needs Python 3 with PyYAML, and git.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

import yaml

from staging import environment

KEYS = ("model", "description", "tools")


def run(options, project, *words):
    command = [options.program, "-C", project, *words]
    return subprocess.run(command, capture_output=True, text=True, env=options.environment, stdin=subprocess.DEVNULL)


def git(options, repository, *words):
    return subprocess.run(["git", "-C", repository, *words], capture_output=True, check=True, env=options.environment).stdout


def frontmatter(text):
    """The frontmatter, if this is an agent."""
    found = re.match(rb"(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?\n)---+[ \t]*\r?\n", text, re.S)
    try:
        values = yaml.safe_load(found[1]) if found else None
    except (yaml.YAMLError, UnicodeDecodeError):
        pairs = re.findall(r"^(\w+):[ \t]*(\S.*)$", found[1].decode("utf-8", "replace"), re.M)
        values = dict(pairs)
    return values if isinstance(values, dict) and isinstance(values.get("name"), str) and values.get("description") else None


def tools(values):
    found = values.get("tools") or []
    found = found.split(",") if isinstance(found, str) else found
    return [tool.strip() for tool in found if isinstance(tool, str)]


def pairs(options, repository):
    """Path, old and new commit, the frontmatter of the old version: of each update that changes one of the keys."""
    log = git(options, repository, "log", "--first-parent", "--reverse", "--format=@%H", "--raw", "--no-abbrev", "--no-renames", "HEAD", "--", "*.md")
    versions, commit = collections.defaultdict(list), None
    for line in log.decode("utf-8", "replace").splitlines():
        if line.startswith("@"):
            commit = line[1:]
        elif line.startswith(":") and '"' not in line:
            about, path = line.split("\t", 1)
            blob = about.split()[3]
            values = frontmatter(git(options, repository, "cat-file", "blob", blob)) if blob.strip("0") else None
            versions[path].append((commit, values))
    for path, known in sorted(versions.items()):
        known = [version for version in known if version[1] and known[-1][1] and version[1]["name"] == known[-1][1]["name"]]
        steps = [(known[0], known[-1])] if len(known) > 1 else []
        if options.steps and len(known) > 2:
            steps += zip(known, known[1:])
        for (old, before), (new, after) in steps:
            if any(before.get(key) != after.get(key) for key in KEYS):
                yield path, old, new, before


def replay(options, url, path, old, new, before):
    """What became of one update, in a few words."""
    with tempfile.TemporaryDirectory() as project, tempfile.TemporaryDirectory() as plain:
        quiet = ("--allow", "all", "--mcp", "skip")
        if run(options, project, "install", f"{url}#{path}@{old}", "--as", "x", "--yes", *quiet).returncode:
            return "not installed"
        wanted = {"model": "haiku", "description": "Mine: short"}
        gone = next((tool for tool in tools(before) if re.fullmatch(r"\w+", tool)), None) if before.get("tools") else "Bash"
        changes = [f"{key}={value}" for key, value in wanted.items()] + ([f"tools-={gone}"] if gone else [])
        if options.add and before.get("tools"):
            changes.append("tools+=NotebookEdit")
        if run(options, project, "set", "x", *changes, "--allow", "all").returncode:
            return "not set"
        updated = run(options, project, "update", "x", "--from", f"{url}#{path}@{new}", "--json", *quiet)
        if updated.returncode:
            document = json.loads(updated.stdout)
            why = [failure["message"] for failure in document.get("failures") or [document["error"]]]
            return f"ASKED: exit {updated.returncode}: {'; '.join(why)}"
        file = os.path.join(".claude", "agents", "x.md")
        with open(os.path.join(project, file), "rb") as opened:
            values = frontmatter(opened.read())
        if {key: values.get(key) for key in wanted} != wanted or gone in tools(values):
            return "WRONG: an override is not in the file"
        undone = run(options, project, "unset", "x", *{re.match(r"\w+", change)[0] for change in changes}, "--allow", "all")
        run(options, plain, "install", f"{url}#{path}@{new}", "--as", "x", "--yes", *quiet)
        with open(os.path.join(project, file), "rb") as one, open(os.path.join(plain, file), "rb") as other:
            if undone.returncode or one.read() != other.read():
                return "WRONG: without the overrides it is not upstream's"
    return "as it should be"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="target/release/agentpkg", type=os.path.abspath)
    parser.add_argument("--limit", default=1000, type=int)
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--add", action="store_true")
    parser.add_argument("repositories", nargs="+")
    options = parser.parse_args()
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as home:
        options.environment = environment(home)
        for repository in options.repositories:
            for count, (path, old, new, before) in enumerate(pairs(options, repository)):
                if count == options.limit:
                    break
                result = replay(options, "file://" + os.path.abspath(repository), path, old, new, before)
                counts[result] += 1
                if result != "as it should be":
                    print(f"{repository} {path} {old[:8]} {new[:8]}: {result}")
    for result, count in counts.most_common():
        print(f"{count:6}  {result}")
    sys.exit(any(result.startswith(("ASKED", "WRONG")) for result in counts))


if __name__ == "__main__":
    main()
