#!/usr/bin/env python3
"""How long files that were made to be slow keep each command busy.

    cargo build --release && python3 benches/slow_inputs.py [--kilobytes 64] [--program target/release/agentpkg] [--rounds 3] [NAME...]

Each file is listed, installed, changed upstream, edited in its middle and at its end, compared (`diff --merged`), updated, and looked at
(`status`, `check`, `info`, `diff`). Prints the processor time of each command in milliseconds, the shortest of some rounds, and the worst
at the end. Nothing is judged. Needs Python 3, and no network.
"""

import argparse
import os
import shutil
import subprocess
import tempfile

from staging import environment


def head(more, body="Body.\n"):
    return f"---\nname: slow\ndescription: d\n{more}\n---\n{body}"


def fill(part, size):
    return part * max(1, size // len(part))


def numbered(part, size):
    length = len(part.format(0)) + 3
    return "".join(part.format(index) for index in range(size // length))


# Parts that are repeated, in the frontmatter and in the body.
PARTS = {
    "blank lines": "\n",
    "blank lines with CR": "\r\n",
    "CRs": "\r",
    "spaces": " ",
    "lines of a space": " \n",
    "tabs": "\t",
    "lines of a tab": "\t\n",
    "comments": "# x\n",
    "equal lines": "k: v\n",
    "broken lines": "k: a: b\n",
    "fences": "```\n",
    "rules": "----\n",
    "items": "- a\n",
    "quotes": '"\n',
    "brackets": "[",
    "maps": "{a: ",
    "questions": "? ",
}
NUMBERED = {
    "keys": "k{0}: v\n",
    "repeated keys": "k{0}: a\nk{0}: b\n",
    "broken, then keys": "model: a: b\nk{0}: v\n",
    "headings": "# h{0}\n",
    "lines": "line {0}\n",
    "paths": "kit/a{0}.md ",
    "tools": "mcp__s{0}__t, ",
}


def files(size):
    for name, part in PARTS.items():
        yield f"{name} in the frontmatter", head(fill(part, size))
        yield f"{name} after a broken key", head("model: a: b\n" + fill(part, size))
        yield f"{name} in a value", head("x: a" + fill(part, size))
        yield f"{name} in the body", head("tools: Read", fill(part, size))
    for name, part in NUMBERED.items():
        yield f"{name} in the frontmatter", head(numbered(part, size))
        yield f"{name} in a value", head("tools: " + numbered(part, size).replace("\n", " "))
        yield f"{name} in the body", head("tools: Read", numbered(part, size))
    for name, part in {"servers": "mcp__s{0}__t, ", "tools of a server": "mcp__s__t{0}, ", "words": "t{0}, "}.items():
        half = numbered(part, size // 2)
        yield f"{name} in both lists", head(f"tools: {half}\ndisallowedTools: {half}")
        yield f"{name} in two lists", head(f"tools: {half}\ndisallowedTools: {half.replace('t', 'u')}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only files whose names contain one of these")
    parser.add_argument("--kilobytes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--program", default="target/release/agentpkg")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    root = tempfile.mkdtemp(prefix="agentpkg-slow-")
    env = environment(os.path.join(root, "home"))
    worst = []

    def run(folder, *arguments):
        process = subprocess.Popen([program, *arguments], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode < 0 or process.returncode == 101:
            raise SystemExit(f"{arguments} ended with {process.returncode}")
        return (usage.ru_utime + usage.ru_stime) * 1000

    def commands(text):
        shutil.rmtree(root, ignore_errors=True)
        project = os.path.join(root, "project")
        os.makedirs(project)
        os.makedirs(os.path.join(root, "source"))
        upstream = os.path.join(root, "source", "slow.md")
        installed = os.path.join(project, ".claude", "agents", "slow.md")
        with open(upstream, "w", newline="") as file:
            file.write(text)
        took = {"list": run(project, "list", "--available", "./../source")}
        took["info"] = run(project, "info", "./../source/slow.md")
        took["install"] = run(project, "install", "./../source/slow.md", "--yes", "--allow", "all", "--mcp", "skip")
        if not os.path.exists(installed):
            return took
        with open(installed, newline="") as file:
            mine = file.read()
        third = len(mine) // 3
        with open(installed, "w", newline="") as file:
            file.write(mine[:-third] + "\nMINE\n" + mine[-third:] + "\nMINE\n")
        with open(upstream, "w", newline="") as file:
            file.write(text.replace("description: d", "description: e", 1) + "\nTHEIRS\n")
        for name, arguments in {
            "status": ["status"],
            "check": ["check"],
            "diff": ["diff"],
            "merged": ["diff", "--merged"],
            "update": ["update", "--yes", "--allow", "all", "--mcp", "skip", "--conflicts", "markers"],
        }.items():
            took[name] = run(project, *arguments)
        return took

    try:
        for name, text in files(options.kilobytes * 1000 - 400):
            if options.names and not any(word in name for word in options.names):
                continue
            rounds = [commands(text) for _ in range(options.rounds)]
            took = {command: min(one[command] for one in rounds) for command in rounds[0]}
            print(f"{name}: " + ", ".join(f"{command} {time:.0f}" for command, time in took.items()), flush=True)
            worst.extend((time, name, command) for command, time in took.items())
        for time, name, command in sorted(worst, reverse=True)[:10]:
            print(f"worst: {time:.0f} ms, {command}, {name}")
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
