#!/usr/bin/env python3
"""The most memory that commands about many large agents use at once.

    cargo build --release && python3 benches/memory.py [--agents 2000] [--kilobytes 200] [--program target/release/agentpkg]

Makes a registry of large agents in a temporary folder (about five times their size), and installs, updates, installs from the lockfile and
undoes all of them at once. Two figures each: the program alone, and the largest of it and the processes that it starts (git, which unpacks
what it fetched). Nothing is judged. Needs Linux, Python 3 and git, and no network.
"""

import argparse
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time

from staging import environment

WORDS = (
    "the agent reads every file before it plans a change and writes down what it found so that a person can follow each step of the work "
    "without opening the editor first while tests and types and names are checked against the rules of the project and nothing is left"
).split()


def body(seed, size):
    chance = random.Random(seed)
    lines = []
    length = 0
    while length < size:
        line = " ".join(chance.choice(WORDS) for _ in range(12)) + f" {chance.randrange(1 << 60)}\n"
        lines.append(line)
        length += len(line)
    return "".join(lines)


def commit(repository, count, size, version, env):
    process = subprocess.Popen(
        ["git", "-C", repository, "fast-import", "--quiet", "--force"], stdin=subprocess.PIPE, env=env
    )
    out = process.stdin
    parent = "from refs/heads/main^0\n" if version > 1 else ""
    time_of = 1700000000 + version
    out.write(f"commit refs/heads/main\ncommitter a <a@example.com> {time_of} +0000\ndata 1\nx\n{parent}".encode())
    for index in range(count):
        head = f"---\nname: agent-{index:05}\ndescription: Does the work of agent {index}.\ntools: Read, Grep\n---\n\nVersion {version}\n\n"
        text = (head + body(index, size)).encode()
        out.write(b"M 100644 inline agents/agent-%05d.md\ndata %d\n" % (index, len(text)) + text + b"\n")
    out.close()
    if process.wait() != 0:
        raise SystemExit("git fast-import failed")


def high_water(pid):
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def measured(what, arguments, folder, env):
    begun = time.monotonic()
    process = subprocess.Popen(arguments, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    own = 0
    done = threading.Event()

    def watch():
        nonlocal own
        while not done.is_set():
            own = max(own, high_water(process.pid))
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    done.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - begun
    print(f"  {what}: {own / 1024:.0f} MiB, with its processes {usage.ru_maxrss / 1024:.0f} MiB ({took:.1f} s)", flush=True)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=2000)
    parser.add_argument("--kilobytes", type=int, default=200)
    parser.add_argument("--program", default="target/release/agentpkg")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    root = tempfile.mkdtemp(prefix="agentpkg-memory-")
    try:
        env = environment(os.path.join(root, "home"))
        repository = os.path.join(root, "registry.git")
        project = os.path.join(root, "project")
        fresh = os.path.join(root, "fresh")
        for folder in (env["HOME"], project, fresh):
            os.mkdir(folder)
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", repository], check=True, env=env)
        size = options.kilobytes * 1000
        print(f"{options.agents} agents of {options.kilobytes} kB, {options.agents * options.kilobytes / 1000:.0f} MB in all")
        commit(repository, options.agents, size, 1, env)
        url = "file://" + repository
        run = [program, "--no-input", "-q"]
        measured("install --all", [*run, "install", url, "--all"], project, env)
        for name in ("agentpkg.toml", "agentpkg.lock"):
            shutil.copy(os.path.join(project, name), fresh)
        measured("install from the lockfile", [*run, "install"], fresh, env)
        measured("install with nothing to do", [*run, "install"], project, env)
        measured("status", [*run, "status"], project, env)
        commit(repository, options.agents, size, 2, env)
        measured("update", [*run, "update"], project, env)
        measured("undo", [*run, "undo"], project, env)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
